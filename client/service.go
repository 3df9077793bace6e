package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/pave-platform/pave"
)

// Dial returns a client of the server at an address such as
// https://pave.example.com:7443, with a token. It calls nobody yet.
func Dial(address, token string) *Client {
	return New(Options{Server: func(context.Context) (Endpoint, error) {
		return Endpoint{URL: strings.TrimRight(address, "/"), Token: pave.NewSecret(token)}, nil
	}})
}

// NewService is a service to create in one call.
type NewService struct {
	Name         string         `json:"name"`
	Team         string         `json:"team"`
	Template     string         `json:"template"`
	Environments []string       `json:"environments,omitempty"`
	Database     string         `json:"database,omitempty"` // postgresql, redis or none; "" is what the template declares
	Cache        string         `json:"cache,omitempty"`
	Queue        string         `json:"queue,omitempty"`
	Bucket       string         `json:"bucket,omitempty"`
	Inputs       map[string]any `json:"inputs,omitempty"`
}

// Created is a service that is being made.
type Created struct {
	Service        pave.Name   `json:"service"`
	Repository     string      `json:"repository"` // address to clone
	Environments   []pave.Name `json:"environments"`
	Resources      []string    `json:"resources"` // KIND:ENGINE
	Status         string      `json:"status"`    // provisioning or live
	EstimatedReady string      `json:"estimatedReady"`
	Run            pave.Run    `json:"run"`
}

// CreateService plans and creates a service in one call.
func (c *Client) CreateService(ctx context.Context, s NewService) (Created, error) {
	return send[Created](ctx, c, http.MethodPost, "/v1/services", s)
}

// Wait returns a run once it has ended, however it did.
func (c *Client) Wait(ctx context.Context, id string) (pave.Run, error) {
	err := c.Stream(ctx, pave.EventFilter{Run: id}, func(e pave.Event) error {
		if run, err := c.Run(ctx, id); err != nil || run.State.Ended() {
			if err == nil {
				err = ErrStop
			}
			return err
		}
		return nil
	})
	if err != nil {
		return pave.Run{}, err
	}
	return c.Run(ctx, id)
}

// Environment returns one environment.
func (c *Client) Environment(ctx context.Context, name string) (pave.Environment, error) {
	return get[pave.Environment](ctx, c, "/v1/environments/"+url.PathEscape(name), nil)
}

// Team returns one team.
func (c *Client) Team(ctx context.Context, name string) (pave.Team, error) {
	return get[pave.Team](ctx, c, team(name), nil)
}

// User returns one user.
func (c *Client) User(ctx context.Context, name string) (pave.User, error) {
	return get[pave.User](ctx, c, "/v1/users/"+url.PathEscape(name), nil)
}

// TemplateNamed returns a golden path that serves under a name, an alias, NAME@VERSION
// or a digest; Template finds by address too, which asks for more rights.
func (c *Client) TemplateNamed(ctx context.Context, name string) (pave.TemplateDetail, error) {
	return get[pave.TemplateDetail](ctx, c, "/v1/templates/"+url.PathEscape(name), nil)
}
