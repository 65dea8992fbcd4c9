package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// administrator asks the pods of a FileServer.
type administrator struct {
	*options
	format  string
	watch   bool
	every   time.Duration
	user    string
	session string
}

// A session of a pod, and a ban of one.
type (
	podSession struct {
		Pod string `json:"pod"`
		config.Session
	}
	podBan struct {
		Pod string `json:"pod"`
		config.Banned
	}
)

const throughPortForward = `

Asks each pod by a port-forward, so that it takes the permission to create
pods/portforward. On the host network there is nobody to ask: the loopback of the node
would be open to all that is on it.`

func newSessions(o *options) *cobra.Command {
	a := &administrator{options: o}
	cmd := &cobra.Command{
		Use: "sessions NAME", Short: "List who is logged in",
		Long:              "List who is logged in to a FileServer." + throughPortForward,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeServers,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.sessions(cmd.Context(), args[0]) },
	}
	addOutput(cmd, &a.format, formatTable, formatJSON, formatYAML)
	cmd.Flags().BoolVarP(&a.watch, "watch", "w", false, "list again when something has changed")
	cmd.Flags().DurationVar(&a.every, "every", 2*time.Second, "how often to look with --watch")
	return cmd
}

func newKick(o *options) *cobra.Command {
	a := &administrator{options: o}
	cmd := &cobra.Command{
		Use: "kick NAME (--username USERNAME | --session POD/ID)", Short: "End sessions",
		Long:              "End sessions at once; transfers are cut. Nothing keeps a user from logging in again:\nset state: Suspended in the FileServerUser for that." + throughPortForward,
		Example:           "  kubectl fileserver kick partners --username alice\n  kubectl fileserver kick partners --session partners-0-6c9f7d/17",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeServers,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.kick(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&a.user, "username", "", "the name with which the user logged in")
	cmd.Flags().StringVar(&a.session, "session", "", "a session, as `sessions` lists it")
	cmd.MarkFlagsOneRequired("username", "session")
	return cmd
}

func newBans(o *options) *cobra.Command {
	a := &administrator{options: o}
	cmd := &cobra.Command{
		Use: "bans NAME", Short: "List the addresses that may not log in",
		Long:              "List the addresses that may not log in after too many failures. Each pod counts for itself." + throughPortForward,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeServers,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.bans(cmd.Context(), args[0]) },
	}
	addOutput(cmd, &a.format, formatTable, formatJSON, formatYAML)
	return cmd
}

func newUnban(o *options) *cobra.Command {
	a := &administrator{options: o}
	return &cobra.Command{
		Use: "unban NAME NETWORK...", Short: "Lift the bans of addresses or networks",
		Long:              "Lift the bans of addresses or networks, at all pods. To never ban an address, list it in\nsessions.ban.exempt." + throughPortForward,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: o.completeServers,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.unban(cmd.Context(), args[0], args[1:]) },
	}
}

func (a *administrator) sessions(ctx context.Context, name string) error {
	last := ""
	for {
		all := []podSession{}
		err := a.ask(ctx, name, http.MethodGet, config.PathSessions, nil, func(pod string, body io.Reader) error {
			said, err := read[[]config.Session](body)
			for _, s := range said {
				all = append(all, podSession{pod, s})
			}
			return err
		})
		if err != nil && (!a.watch || ctx.Err() != nil) {
			return ignoreCancelled(ctx, err)
		}
		if now := fmt.Sprint(all, err); now != last {
			last = now
			if err != nil {
				fmt.Fprintln(a.ErrOut, "error:", err) // the next look may go well
			}
			if err := a.writeSessions(all); err != nil {
				return err
			}
		}
		if !a.watch {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(a.every):
		}
	}
}

// ignoreCancelled takes the end of a command by ^C for none that failed.
func ignoreCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *administrator) writeSessions(all []podSession) error {
	if a.format != formatTable {
		return a.writeAs(all)
	}
	w := printers.GetNewTabWriter(a.Out)
	fmt.Fprintln(w, "SESSION\tUSER\tPROTOCOL\tADDRESS\tAGE")
	for _, s := range all {
		fmt.Fprintf(w, "%s/%d\t%s\t%s\t%s\t%s\n", s.Pod, s.ID, s.User, s.Protocol, s.Remote, duration.HumanDuration(time.Since(s.Since)))
	}
	return w.Flush()
}

func (a *administrator) writeAs(v any) error {
	switch a.format {
	case formatJSON:
		return writeJSON(a.Out, v)
	case formatYAML:
		return writeYAML(a.Out, v)
	}
	return fmt.Errorf("the output format %q is not known", a.format)
}

func (a *administrator) kick(ctx context.Context, name string) error {
	query := url.Values{}
	if a.user != "" {
		query.Set(config.ParamUser, a.user)
	}
	only := ""
	if a.session != "" {
		pod, id, ok := strings.Cut(a.session, "/")
		if _, err := strconv.ParseUint(id, 10, 64); !ok || err != nil {
			return fmt.Errorf("%q is no session such as %s-0-6c9f7d/17, as `sessions` lists them", a.session, name)
		}
		only = pod
		query.Set(config.ParamID, id)
	}
	count, err := a.end(ctx, name, config.PathSessions, query, only)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%d sessions ended\n", count)
	return err
}

func (a *administrator) bans(ctx context.Context, name string) error {
	all := []podBan{}
	err := a.ask(ctx, name, http.MethodGet, config.PathBans, nil, func(pod string, body io.Reader) error {
		said, err := read[[]config.Banned](body)
		for _, b := range said {
			all = append(all, podBan{pod, b})
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case a.format != formatTable:
		return a.writeAs(all)
	}
	w := printers.GetNewTabWriter(a.Out)
	fmt.Fprintln(w, "NETWORK\tPOD\tFOR ANOTHER")
	for _, b := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", b.Network, b.Pod, duration.HumanDuration(time.Until(b.Until)))
	}
	return w.Flush()
}

func (a *administrator) unban(ctx context.Context, name string, networks []string) error {
	var parsed []netip.Prefix
	for _, text := range networks {
		network, err := check.ParseNetwork(text)
		if err != nil {
			return fmt.Errorf("%q %w", text, err)
		}
		parsed = append(parsed, network)
	}
	count := 0
	for _, network := range parsed {
		n, err := a.end(ctx, name, config.PathBans, url.Values{config.ParamNetwork: {network.String()}}, "")
		if err != nil {
			return err
		}
		count += n
	}
	_, err := fmt.Fprintf(a.Out, "%d bans lifted\n", count)
	return err
}

// end has pods end something, and returns how many that were.
func (a *administrator) end(ctx context.Context, name, path string, query url.Values, only string) (count int, err error) {
	var asked []string
	err = a.ask(ctx, name, http.MethodDelete, path, query, func(pod string, body io.Reader) error {
		asked = append(asked, pod)
		ended, err := read[config.Ended](body)
		count += ended.Count
		return err
	}, only)
	if err == nil && only != "" && !slices.Contains(asked, only) {
		err = fmt.Errorf("the FileServer %s has no pod %s", name, only)
	}
	return count, err
}

func read[T any](body io.Reader) (v T, err error) {
	err = json.NewDecoder(body).Decode(&v)
	return v, err
}
