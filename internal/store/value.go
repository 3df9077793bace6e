package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Micros returns the stored form of t: microseconds since 1970, 0 for the zero
// time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time returns the UTC time of its stored form; 0 is the zero time.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Bool returns the stored form of b.
func Bool(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// storable replaces arguments the drivers would store differently from each
// other by the form the package comment promises.
func storable(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case bool:
			args[i] = Bool(v)
		case time.Time:
			args[i] = Micros(v)
		case json.RawMessage:
			args[i] = string(v)
		}
	}
	return args
}

// A Scanner is a row to read: *Row or *sql.Rows.
type Scanner interface{ Scan(dest ...any) error }

// A Row is the answer of QueryRow.
type Row struct{ row *sql.Row }

// Scan reads the columns. Without a row the error is sql.ErrNoRows; others are
// mapped like those of Exec.
func (r *Row) Scan(dest ...any) error { return mapError(r.row.Scan(dest...)) }

// Collect reads all rows with scan and closes them. It takes both results of
// Query, so that a caller has one error to look at:
//
//	rows, err := db.Query(ctx, ...)
//	list, err := store.Collect(rows, err, scan)
func Collect[T any](rows *sql.Rows, err error, scan func(Scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, mapError(err)
		}
		list = append(list, v)
	}
	return list, mapError(rows.Err())
}

// JSON scans a TEXT column into raw; NULL and "" become nil.
func JSON(raw *json.RawMessage) sql.Scanner {
	return scanFunc(func(src any) error {
		switch v := src.(type) {
		case nil:
			*raw = nil
		case string:
			*raw = json.RawMessage(v)
		case []byte:
			*raw = append(json.RawMessage(nil), v...)
		default:
			return fmt.Errorf("a JSON column holds %T", src)
		}
		if len(*raw) == 0 {
			*raw = nil
		}
		return nil
	})
}

// Stamp scans a BIGINT column of microseconds into t.
func Stamp(t *time.Time) sql.Scanner {
	return scanFunc(func(src any) error {
		v, ok := src.(int64)
		if !ok {
			return fmt.Errorf("a time column holds %T", src)
		}
		*t = Time(v)
		return nil
	})
}

// Flag scans a BIGINT column of 0 or 1 into b.
func Flag(b *bool) sql.Scanner {
	return scanFunc(func(src any) error {
		v, ok := src.(int64)
		if !ok {
			return fmt.Errorf("a boolean column holds %T", src)
		}
		*b = v != 0
		return nil
	})
}

type scanFunc func(src any) error

func (f scanFunc) Scan(src any) error { return f(src) }
