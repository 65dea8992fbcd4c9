//go:build e2e

package matrix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

func jlaffayeRows() []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		all = append(all, row{client: "jlaffaye/ftp", transport: transport, mode: "passive", do: jlaffaye})
		all = append(all, row{client: "jlaffaye/ftp", transport: transport, mode: "active", why: "jlaffaye/ftp has no active mode"})
	}
	return all
}

func jlaffaye(ctx context.Context, s *session, steps []step) (string, error) {
	ca, err := os.ReadFile(s.server.caFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	conf := &tls.Config{RootCAs: roots, ServerName: host, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	options := []ftp.DialOption{ftp.DialWithContext(ctx), ftp.DialWithTimeout(30 * time.Second)}
	port := s.server.ftp
	switch s.transport {
	case "explicit":
		options = append(options, ftp.DialWithExplicitTLS(conf))
	case "implicit":
		options, port = append(options, ftp.DialWithTLS(conf)), s.server.ftps
	}
	c, err := ftp.Dial(address(port), options...)
	if err != nil {
		return "", err
	}
	if err := c.Login(s.user, password); err != nil {
		return "", errors.Join(err, c.Quit())
	}
	var out strings.Builder
	for _, st := range steps {
		if err := jlaffayeStep(c, st, &out); err != nil {
			c.Quit()
			return out.String(), fmt.Errorf("%s: %w", st, err)
		}
	}
	return out.String(), c.Quit()
}

func jlaffayeStep(c *ftp.ServerConn, st step, out io.Writer) error {
	switch st.verb {
	case put:
		f, err := os.Open(st.a)
		if err != nil {
			return err
		}
		defer f.Close()
		return c.Stor(st.b, f)
	case rePut:
		size, err := c.FileSize(st.b)
		if err != nil {
			return err
		}
		f, err := os.Open(st.a)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Seek(size, io.SeekStart); err != nil {
			return err
		}
		return c.StorFrom(st.b, f, uint64(size))
	case get, reGet:
		flags := os.O_CREATE | os.O_TRUNC | os.O_WRONLY
		if st.verb == reGet {
			flags = os.O_WRONLY
		}
		f, err := os.OpenFile(st.b, flags, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		at, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		r, err := c.RetrFrom(st.a, uint64(at))
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, r.Close())
	case list:
		entries, err := c.List(st.a)
		for _, e := range entries {
			fmt.Fprintln(out, e.Name)
		}
		return err
	case move:
		return c.Rename(st.a, st.b)
	case remove:
		return c.Delete(st.a)
	case makeDir:
		return c.MakeDir(st.a)
	}
	return fmt.Errorf("unknown verb %q", st.verb)
}
