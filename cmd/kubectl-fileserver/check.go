package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/probe"
	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/promise"
)

// checker checks a FileServer.
type checker struct {
	*options
	format, user, passwordFile, identity, report string
	timeout                                      time.Duration
	everyPort                                    bool
}

func newCheck(o *options) *cobra.Command {
	c := &checker{options: o}
	cmd := &cobra.Command{
		Use:   "check NAME",
		Short: "Try a FileServer from here, and name what is wrong",
		Long: `Try a FileServer from where this runs, as its clients do: each protocol at each of its
addresses, PASV and EPSV, active mode where it is allowed, and each passive port of
each pod. Certificate and host keys are compared with the status. Nothing is changed:
the top folder is listed.

Names the one thing that is wrong, what to do, and the page that has more. The exit
code is 2 then, and 0 if all is well. Without a user nobody logs in, and passive ports
are not tried. The password is that of the user's credentials, unless --password-file
has another; no password goes to a server that is not the one in the status.`,
		Example: `  kubectl fileserver check partners --login-as alice
  kubectl fileserver check partners --login-as alice --report report.md`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeServers,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	addOutput(cmd, &c.format, formatTable, formatJSON, formatYAML)
	f.StringVar(&c.user, "login-as", "", "name of the FileServerUser to log in as")
	_ = cmd.RegisterFlagCompletionFunc("login-as", o.completeUsers)
	f.StringVar(&c.passwordFile, "password-file", "", "file with the user's password, or - for the standard input, where the credentials have none")
	f.StringVarP(&c.identity, "identity", "i", "", "file with the user's private SSH key")
	f.StringVar(&c.report, "report", "", "file for a page that can be put into an issue; it has addresses, and neither passwords nor keys")
	f.DurationVar(&c.timeout, "timeout", 5*time.Second, "how long each step may take")
	f.BoolVar(&c.everyPort, "every-port", true, "try each passive port of each pod, which takes some ten seconds for a pod")
	return cmd
}

const formatTable = "table"

// A verdict is what check says.
type verdict struct {
	Server   string             `json:"server"`
	Finding  *diagnose.Finding  `json:"finding"`
	Remarks  []string           `json:"remarks,omitempty"`
	Attempts []diagnose.Attempt `json:"attempts"`
}

func (c *checker) run(ctx context.Context, name string) error {
	if !slices.Contains([]string{formatTable, formatJSON, formatYAML}, c.format) {
		return fmt.Errorf("the output format %q is not known", c.format)
	}
	cluster, namespace, err := c.connect()
	if err != nil {
		return err
	}
	p, err := promise.Read(ctx, cluster, namespace, name, c.user)
	if err != nil {
		return err
	}
	probing := probe.Options{Expected: p.Expected, Roots: p.Roots, Password: p.Password, Timeout: c.timeout, EveryPort: c.everyPort, Progress: c.progress()}
	if err := c.credentials(&probing); err != nil {
		return err
	}
	attempts := probe.Run(ctx, probing)
	c.clearProgress()
	if err := ctx.Err(); err != nil {
		return err
	}
	found := diagnose.Found{Expected: p.Expected, Attempts: attempts, Now: time.Now()}
	v := verdict{Server: namespace + "/" + name, Finding: diagnose.Of(found), Remarks: diagnose.Remarks(found), Attempts: attempts}
	if err := errors.Join(c.write(v), c.writeReport(v, found)); err != nil {
		return err
	}
	if v.Finding != nil {
		return errFound
	}
	return nil
}

// credentials are those that flags name, before those of the user's Secret.
func (c *checker) credentials(p *probe.Options) error {
	if c.identity != "" {
		text, err := os.ReadFile(c.identity)
		if err != nil {
			return err
		}
		signer, err := ssh.ParsePrivateKey(text)
		if err != nil {
			return fmt.Errorf("%s cannot be used as a private key: %w", c.identity, err)
		}
		p.Signers = append(p.Signers, signer)
	}
	if c.passwordFile != "" {
		read := func() ([]byte, error) { return os.ReadFile(c.passwordFile) }
		if c.passwordFile == "-" {
			read = func() ([]byte, error) { return io.ReadAll(c.In) }
		}
		text, err := read()
		if err != nil {
			return err
		}
		p.Password = trimLine(string(text))
	}
	if c.user != "" && p.Password == "" && len(p.Signers) == 0 {
		return fmt.Errorf("the credentials of %s have no password, as that of a hash is not known: give it by --password-file, or a key by --identity", c.user)
	}
	return nil
}

func (c *checker) write(v verdict) error {
	switch c.format {
	case formatTable:
		return c.writeTable(v)
	case formatJSON:
		return writeJSON(c.Out, v)
	}
	return writeYAML(c.Out, v)
}

func (c *checker) writeTable(v verdict) error {
	w := printers.GetNewTabWriter(c.Out)
	fmt.Fprintln(w, "PROTOCOL\tADDRESS\tMODE\tPASSIVE PORT\tRESULT")
	for _, a := range v.Attempts {
		mode, told := "-", "-"
		if a.Mode != "" {
			mode = a.Mode
		}
		if a.Told.IsValid() {
			told = fmt.Sprint(a.Told.Port())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Protocol, a.Where(), mode, told, a.Result())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writeFinding(c.Out, v)
}

func writeFinding(w io.Writer, v verdict) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	say("\n")
	if f := v.Finding; f != nil {
		say("Wrong: %s\nDo:    %s\nMore:  %s\n", f.Wrong, f.Do, f.Page)
	} else {
		say("Nothing is wrong.\n")
	}
	for _, r := range v.Remarks {
		say("Note:  %s\n", r)
	}
	return err
}
