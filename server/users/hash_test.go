package users

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// sha512 is a hash as the operator makes them.
func sha512(t *testing.T, password string) string {
	t.Helper()
	h, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(5000))
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.HashWithSalt(password, []byte("saltsaltsaltsalt"))
	if err != nil {
		t.Fatal(err)
	}
	return d.Encode()
}

func TestALongPasswordCostsNothing(t *testing.T) {
	t.Parallel()
	u := alice(t)
	u.PasswordHash = sha512(t, strings.Repeat("x", maxPassword))
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 3}}, u)
	if err := checkPassword(d, attempt(), strings.Repeat("x", maxPassword)); err != nil {
		t.Errorf("the longest that there is: %v", err)
	}
	// No turn is there, so what waits for one would wait for ever.
	d.hashes.turns.slots = 0
	long := strings.Repeat("x", 250_000)
	for _, name := range []string{"alice", "nobody", "alice"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := d.Check(ctx, attempt(func(a *Attempt) { a.User = name }), Password(long)); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if !d.Banned(attempt().Remote) {
		t.Error("long passwords are no failures")
	}
}

func TestAHashThatAsksForTooMuchIsNotUsed(t *testing.T) {
	t.Parallel()
	salt, key := "c2FsdHNhbHRzYWx0", "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5"
	for hash, want := range map[string]string{
		fmt.Sprintf("$argon2id$v=19$m=65536,t=3,p=4$%s$%s", salt, key):              "",
		fmt.Sprintf("$argon2id$v=19$m=262144,t=3,p=4$%s$%s", salt, key):             "256 MiB of memory",
		fmt.Sprintf("$argon2id$v=19$m=4294967295,t=1,p=1$%s$%s", salt, key):         "memory",
		fmt.Sprintf("$argon2id$v=19$m=65536,t=4294967295,p=1$%s$%s", salt, key):     "of a processor",
		fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=4294967295$%s$%s", salt, key):         "threads",
		fmt.Sprintf("$scrypt$ln=15,r=8,p=1$%s$%s", salt, key):                       "",
		fmt.Sprintf("$scrypt$ln=18,r=8,p=1$%s$%s", salt, key):                       "memory",
		fmt.Sprintf("$scrypt$ln=63,r=8,p=1$%s$%s", salt, key):                       "memory",
		fmt.Sprintf("$scrypt$ln=10,r=8,p=1000000$%s$%s", salt, key):                 "memory",
		fmt.Sprintf("$scrypt$ln=14,r=8,p=1000$%s$%s", salt, key):                    "of a processor",
		"$6$rounds=5000$saltsaltsaltsalt$" + decoy[len(decoy)-86:]:                  "",
		"$6$rounds=999999999$saltsaltsaltsalt$" + decoy[len(decoy)-86:]:             "of a processor",
		fmt.Sprintf("$pbkdf2-sha512$2000000000$%s$%s", salt, key):                   "of a processor",
		"$2b$12$" + strings.Repeat("a", 53):                                         "",
		"$2b$31$" + strings.Repeat("a", 53):                                         "of a processor",
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7": "",
		"$y$jzz$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7": "memory",
		"$y$": "unknown kind of hash",
	} {
		d := NewDirectory(0)
		u := alice(t)
		u.PasswordHash = hash
		left := d.Set([]config.Shard{{Users: []config.User{u}}}, config.Sessions{})
		if (left == nil) != (want == "") || left != nil && !strings.Contains(left[0].Reason, want) {
			t.Errorf("%s: left out is %v, want %q", hash, left, want)
		}
		if left != nil && d.decoy("nobody") != decoy {
			t.Errorf("%s: a hash that is not used is a decoy", hash)
		}
	}
}

func TestTheBudgetOfHashesFollowsTheMemory(t *testing.T) {
	t.Parallel()
	u := alice(t)
	u.PasswordHash = "$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5"
	for memory, want := range map[int64]bool{0: true, 512 << 20: true, 128 << 20: false} {
		if err := NewDirectory(memory).Set([]config.Shard{{Users: []config.User{u}}}, config.Sessions{}); (err == nil) != want {
			t.Errorf("%d MiB: %v", memory>>20, err)
		}
	}
}

func TestFormatsThatNeedMemoryAreTaken(t *testing.T) {
	t.Parallel()
	a, err := argon2.New(argon2.WithVariantID(), argon2.WithM(1024), argon2.WithT(1), argon2.WithP(1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := scrypt.New(scrypt.WithLN(10))
	if err != nil {
		t.Fatal(err)
	}
	da, err := a.Hash("right")
	if err != nil {
		t.Fatal(err)
	}
	ds, err := s.Hash("right")
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{da.Encode(), ds.Encode()} {
		if c, err := check.ParseHash(hash); err != nil || c.Memory < 1<<20 || c.Memory > 2<<20 {
			t.Errorf("%s costs %+v, %v", hash, c, err)
		}
		u := alice(t)
		u.PasswordHash = hash
		d := directory(t, config.Sessions{}, u)
		if err := checkPassword(d, attempt(), "right"); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
		if err := checkPassword(d, attempt(), "wrong"); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

func TestABanCannotBeRaced(t *testing.T) {
	t.Parallel()
	u := alice(t)
	u.PasswordHash = sha512(t, "right")
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 3}}, u)
	var all sync.WaitGroup
	var mu sync.Mutex
	checked := 0
	for n := range 200 {
		all.Go(func() {
			if err := checkPassword(d, attempt(), fmt.Sprint("guess", n)); !errors.Is(err, ErrBanned) {
				mu.Lock()
				defer mu.Unlock()
				checked++
			}
		})
	}
	all.Wait()
	if checked > 3+d.hashes.turns.slots {
		t.Errorf("a ban after 3 failures has let %d guesses be checked, side by side %d", checked, d.hashes.turns.slots)
	}
}

// A client that measures how long a refusal takes learns nothing of a user. Others
// use the processors meanwhile, so the fastest of many refusals are compared.
func TestTimeTellsNoUsers(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	user := func(name, password string) config.User {
		u := config.User{Name: name, Home: "a", Access: config.AccessReadWrite}
		if password != "" {
			u.PasswordHash = sha512(t, password)
		}
		return u
	}
	suspended, expired, both := user("suspended", "right"), user("expired", "right"), user("both", "right")
	suspended.Suspended, expired.ExpiresAt, both.RequireAll = true, &past, true
	d := directory(t, config.Sessions{}, user("alice", "right"), user("keyonly", ""), suspended, expired, both)
	final := func(name, password string) {
		d.Begin(t.Context(), attempt(func(a *Attempt) { a.User = name }), Password(password))
	}
	// Those who cannot get in take as long with the right password, also when it
	// was right before.
	for _, name := range []string{"suspended", "expired", "both"} {
		final(name, "right")
		checkPassword(d, attempt(func(a *Attempt) { a.User = name }), "right")
	}
	tries := map[string]func(int){}
	for _, name := range []string{"alice", "keyonly", "suspended", "expired", "both", "nobody1", "nobody2"} {
		tries[name+" wrong"] = func(n int) { final(name, fmt.Sprint("wrong", n)) }
	}
	for _, name := range []string{"suspended", "expired", "both"} {
		tries[name+" right"] = func(int) { final(name, "right") }
	}
	took := map[string]time.Duration{}
	var least, most time.Duration
	for round := range 40 { // a busy machine may be what makes the difference
		if least, most = extremes(took, tries, round*15, 15); most <= least*3/2 {
			break
		}
	}
	for what, least := range took {
		t.Logf("%-16s %v", what, least)
	}
	if most > least*3/2 {
		t.Errorf("between %v and %v", least, most)
	}
}

// extremes tries each some more times, keeps the fastest of all times in took, and
// returns what took least and most.
func extremes(took map[string]time.Duration, tries map[string]func(int), from, count int) (least, most time.Duration) {
	for n := range count {
		for what, try := range tries {
			began := time.Now()
			try(from + n)
			if d := time.Since(began); took[what] == 0 || d < took[what] {
				took[what] = d
			}
		}
	}
	times := slices.Collect(maps.Values(took))
	return slices.Min(times), slices.Max(times)
}
