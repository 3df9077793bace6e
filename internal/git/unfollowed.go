package git

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// lookAgain is how long branches that bring too much are left alone at the least: each
// look may bring up to the bounds.
const lookAgain = 10 * time.Minute

const unfollowedNote = "unfollowed"

// A left says that branches were left out, as they were then, and why.
type left struct {
	At     time.Time `json:"at"`
	Of     string    `json:"of"` // othersOf
	Reason string    `json:"reason"`
}

// still reports whether branches are to be left out without another look.
func (l left) still(refs map[string]plumbing.Hash) bool {
	return l.Reason != "" && (l.Of == othersOf(refs) || time.Since(l.At) < lookAgain)
}

func (f follower) left() (l left) {
	text, err := Note(f.dir, unfollowedNote)
	if err != nil || json.Unmarshal([]byte(text), &l) != nil {
		return left{} // then it is found out again
	}
	return l
}

func (f follower) setLeft(l left) error {
	if l.Reason == "" {
		return SetNote(f.dir, unfollowedNote, "")
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return SetNote(f.dir, unfollowedNote, string(text))
}

// Unfollowed says why Follow left all branches but main as they are; "" where it follows
// all.
func Unfollowed(dir string) string {
	if why := (follower{dir: dir}).left().Reason; why != "" {
		return "only main is followed, for what other branches bring is too much: " + why
	}
	return ""
}

// othersOf stands for where all branches but main are.
func othersOf(refs map[string]plumbing.Hash) string {
	var all []string
	for name, id := range refs {
		if everyBranch(name) && !mainAlone(name) {
			all = append(all, name+" "+id.String())
		}
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return hex.EncodeToString(sum[:])
}
