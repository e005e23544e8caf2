package service

import "net/http"

// credentials find out whom a request comes from, and what they may do.
type credentials struct{ tokens *tokens }

// verify gives whom the request's token speaks for.
func (c *credentials) verify(r *http.Request) (caller, error) { return c.tokens.verify(r) }
