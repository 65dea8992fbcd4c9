//go:build e2e

package matrix

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestSymbolicLinksLeadWhereTheClientSays has each library make a link. The
// arguments of SSH_FXP_SYMLINK have two orders, of which each client sends the
// one that it takes for right here.
func TestSymbolicLinksLeadWhereTheClientSays(t *testing.T) {
	makers := append(librarySFTPRows(),
		row{client: "libssh", do: library(func(s *session) ([]string, error) {
			return []string{debianPython, testdata("libssh_steps.py"), host, strconv.Itoa(s.server.sftp), s.user, password,
				s.server.knownHosts}, nil
		})},
		row{client: "libssh2 of curl", do: each(func(s *session, st step) command {
			home := "/" // its commands want whole paths
			return command{argv: []string{"curl", "-sS", "--insecure", "-u", s.user + ":" + password, "-o", os.DevNull,
				"-Q", "symlink " + st.a + " " + home + st.b, "sftp://" + address(s.server.sftp) + home}}
		})},
	)
	for _, r := range makers {
		if r.legacy {
			continue
		}
		t.Run(strings.ReplaceAll(r.client, " ", "-"), func(t *testing.T) {
			s := volume.session(t, linksUser, r)
			if err := os.WriteFile(s.remote("target.txt"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := s.tell(t.Context(), step{link, "target.txt", "link.txt"}); err != nil {
				t.Errorf("%v\n%s", err, tail(s.output))
			}
			if target, err := os.Readlink(s.remote("link.txt")); err != nil || target != "target.txt" {
				t.Errorf("it leads to %q: %v", target, err)
			}
		})
	}
}
