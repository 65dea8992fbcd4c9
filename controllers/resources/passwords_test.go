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
		"a chosen password":    func() (string, error) { return resources.HashChosen([]byte("secret\n"), "uid") },
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

func TestWhatIsAHashStaysAsItIs(t *testing.T) {
	for _, h := range []string{
		"$2b$10$abcdefghijklmnopqrstuuJ7cHGJxS5sTfKPqzAjfwDz6fUzI9vNy",
		"$6$salt$hash", "$5$rounds=5000$salt$hash", "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", "$pbkdf2-sha256$1$a$b",
	} {
		if got, err := resources.HashChosen([]byte(h+"\n"), "uid"); err != nil || got != h {
			t.Errorf("%s became %s (%v)", h, got, err)
		}
	}
	for _, p := range []string{"$ecret", "$6 dollars", "$2b"} {
		if resources.IsHash(p) {
			t.Errorf("%q is taken for a hash", p)
		}
	}
}

func TestAnEmptyPasswordIsNone(t *testing.T) {
	if _, err := resources.HashChosen([]byte("\n"), "uid"); err == nil {
		t.Error("an empty password got a hash")
	}
}
