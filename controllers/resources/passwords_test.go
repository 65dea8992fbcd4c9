package resources_test

import (
	"strings"
	"testing"

	"github.com/go-crypt/crypt"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

func TestGeneratedPasswords(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p, err := resources.GeneratePassword()
		if err != nil {
			t.Fatal(err)
		}
		if len(p) < 24 || strings.ContainsAny(p, "0O1lIi+/=$'\"\\ ") {
			t.Errorf("%q is short, or has characters that people mistake or must quote", p)
		}
		if seen[p] {
			t.Error("a password came twice")
		}
		seen[p] = true
	}
}

func TestHashesMatchAndAreStable(t *testing.T) {
	for name, hash := range map[string]func() (string, error){
		"a generated password": func() (string, error) { return resources.HashGenerated("secret", "uid") },
		"a chosen password":    func() (string, error) { return resources.HashChosen([]byte("secret\n"), "uid", enough) },
	} {
		a, err := hash()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := hash(); a != b {
			t.Errorf("%s: the hash is another one each time", name)
		}
		if ok, err := crypt.CheckPassword("secret", a); !ok || err != nil {
			t.Errorf("%s: %s does not match it (%v)", name, a, err)
		}
	}
	a, _ := resources.HashGenerated("secret", "uid")
	if b, _ := resources.HashGenerated("secret", "other"); a == b {
		t.Error("two users with the same password have the same hash")
	}
}

// An operator that has just started must not hash thousands of passwords again.
func TestTheHashOfAGeneratedPasswordIsKnownAgain(t *testing.T) {
	generated := func() string {
		p, err := resources.GeneratePassword()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	hashed := func(p string) string {
		h, err := resources.HashGenerated(p, "uid")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := crypt.CheckPassword(p, h); !ok || err != nil {
			t.Errorf("%s does not match its password (%v)", h, err)
		}
		return h
	}
	p := generated()
	h := hashed(p)
	if !resources.IsHashOf(h, p, "uid") {
		t.Errorf("%s is not known again", h)
	}
	if resources.IsHashOf(h, generated(), "uid") || resources.IsHashOf(h, p, "other") || resources.IsHashOf("", p, "uid") {
		t.Error("the hash is taken for that of another password, or user")
	}
	// One that somebody has put in its place can be guessed, and faster by its salt.
	if chosen := "secret"; resources.IsHashOf(hashed(chosen), chosen, "uid") {
		t.Error("the salt tells which password somebody chose")
	}
}

const enough = 128 << 20

func TestWhatIsAHashStaysAsItIs(t *testing.T) {
	for _, h := range []string{
		"$2b$10$abcdefghijklmnopqrstuuJ7cHGJxS5sTfKPqzAjfwDz6fUzI9vNy",
		"$6$rounds=5000$decoydecoydecoyd$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0",
		"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5",
	} {
		if got, err := resources.HashChosen([]byte(h+"\n"), "uid", enough); err != nil || got != h {
			t.Errorf("%s became %s (%v)", h, got, err)
		}
	}
	for _, p := range []string{"$ecret", "$6 dollars", "$2b", "a$b$c", "{curly}", "user:password"} {
		if got, err := resources.HashChosen([]byte(p), "uid", enough); err != nil || got == p {
			t.Errorf("%q is taken for a hash: %s, %v", p, got, err)
		}
	}
}

// Whoever has seen such a hash would know the password.
func TestAHashThatCannotBeUsedIsNeverThePassword(t *testing.T) {
	for text, want := range map[string]string{
		"$1$salt$5PFvHdEfvkVbSw.gqrAkv0":                    "unknown kind of hash",
		"$apr1$salt$Xxd1irWT9ycqoYxGFn4cb.":                 "unknown kind of hash",
		"$7$C6..../....SodiumChloride$kBGj":                 "unknown kind of hash",
		"$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq": "unknown kind of hash",
		"$6$salt$abcdef":                                    "cut short",
		"$2b$10$cut":                                        "unknown kind of hash",
		"alice:$apr1$salt$Xxd1irWT9ycqoYxGFn4cb.":           "unknown kind of hash",
		"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=":                "unknown kind of hash",
		"$argon2id$v=19$m=1048576,t=3,p=4$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5": "needs 1024 MiB of memory",
	} {
		got, err := resources.HashChosen([]byte(text), "uid", enough)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "salt") {
			t.Errorf("%s became %q, and the error is %v, want %q", text, got, err, want)
		}
	}
}

func TestAnEmptyPasswordIsNone(t *testing.T) {
	if _, err := resources.HashChosen([]byte("\n"), "uid", enough); err == nil {
		t.Error("an empty password got a hash")
	}
}
