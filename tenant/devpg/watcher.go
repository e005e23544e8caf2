package devpg

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// watchEnv marks a process as a watcher; its value is a watchOrder.
const watchEnv = "BAILIWICK_DEVPG_WATCH"

// watchFD is where a watcher finds watcher.lock, locked by its parent.
const watchFD = 3

type watchOrder struct {
	Name   string `json:"name"`
	Dir    string `json:"dir"`
	Memory bool   `json:"memory"`
}

// A server must stop when its last user is gone, and a user that is killed
// cannot do that. So the starter also runs its own executable again, detached;
// that process ends up here, before main, and outlives it.
func init() { //nolint:gochecknoinits // the only place that every program which imports devpg passes
	text := os.Getenv(watchEnv)
	if text == "" {
		return
	}
	var order watchOrder
	err := json.Unmarshal([]byte(text), &order)
	if err == nil {
		p := place{name: order.Name, dir: order.Dir, memory: order.Memory}
		err = p.watch(&lockFile{file: os.NewFile(watchFD, "watcher.lock")})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "devpg watcher:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// ensureWatcher starts a watcher unless there is one. The caller holds
// users.lock, so a watcher that is found will not leave before it.
func (p place) ensureWatcher() error {
	lock, err := openLock(p.file("watcher.lock"))
	if err != nil {
		return err
	}
	free, err := lock.tryExclusive()
	if err == nil && free {
		err = p.spawnWatcher(lock)
	}
	// Closing does not unlock: the child holds the same open file.
	return errors.Join(err, lock.Close())
}

func (p place) spawnWatcher(lock *lockFile) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	order, err := json.Marshal(watchOrder{Name: p.name, Dir: p.dir, Memory: p.memory})
	if err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	log, err := os.OpenFile(p.file("watcher.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	cmd := exec.Command(self) //nolint:noctx // it outlives the caller by design
	cmd.Env = append(os.Environ(), watchEnv+"="+string(order))
	cmd.Dir, cmd.Stderr = "/", log // nothing of the caller's stays open: `go test` waits for that
	cmd.ExtraFiles = []*os.File{lock.file}
	cmd.SysProcAttr = p.account.process(false)
	err = cmd.Start()
	if err = errors.Join(err, log.Close()); err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	go cmd.Wait() //nolint:errcheck // only reaps it; it reports to its log
	return nil
}

// linger is how long a server without users waits for the next one.
func (p place) linger() time.Duration {
	switch {
	case p.memory:
		return 30 * time.Second // for all is lost afterwards
	case p.name == Test:
		return 5 * time.Second
	}
	return time.Second
}

// watch waits for the last user to go and stops the server, holding users.lock
// so that a newcomer waits and then starts afresh.
func (p place) watch(own *lockFile) error {
	users, err := openLock(p.file("users.lock"))
	if err != nil {
		return err
	}
	for {
		if err := users.waitExclusive(); err != nil {
			return err
		}
		if err := users.unlock(); err != nil {
			return err
		}
		time.Sleep(p.linger())
		alone, err := users.tryExclusive()
		if err != nil {
			return err
		}
		if alone {
			break
		}
	}
	all, err := p.clusters()
	for _, c := range all {
		err = errors.Join(err, c.stop())
		if p.memory {
			err = errors.Join(err, os.RemoveAll(c.dir)) // the memory is wanted elsewhere
		}
	}
	// In this order: a newcomer that gets users.lock must be able to tell
	// that it needs a watcher of its own.
	return errors.Join(err, own.Close(), users.Close())
}
