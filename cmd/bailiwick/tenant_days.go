//go:build cgo

package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// days is a flag that takes a time of days, such as 30d, or any that Go knows.
type days struct{ text string }

func (d *days) String() string { return d.text }

// Type tells it from Go's own times, in messages.
func (d *days) Type() string { return "days" }

func (d *days) Set(text string) error {
	if _, err := parseDays(text); err != nil {
		return err
	}
	d.text = text
	return nil
}

func (d *days) duration() time.Duration {
	value, err := parseDays(d.text)
	if err != nil { // Set has checked it
		return 0
	}
	return value
}

const day = 24 * time.Hour

func parseDays(text string) (time.Duration, error) {
	number, rest, ok := strings.Cut(text, "d")
	if !ok {
		number, rest = "0", text
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 100*365 {
		return 0, errors.New("not a time")
	}
	value := time.Duration(n) * day
	if rest != "" || !ok {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return 0, errors.New("not a time")
		}
		value += more
	}
	return value, nil
}
