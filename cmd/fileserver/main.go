// Command fileserver serves FTP, FTPS and SFTP as its configuration says. See
// package server/config for the files that it reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		slog.Error("the file server cannot go on", "error", err)
		// Kubernetes shows this as the reason that the container ended.
		_ = os.WriteFile("/dev/termination-log", []byte(err.Error()+"\n"), 0o600)
		os.Exit(1)
	}
}

func run(args []string) error {
	opts, level, err := parse(args)
	if err != nil {
		return err
	}
	out := &stdout{}
	opts.Stdout = out
	slog.SetDefault(slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})))
	// The modes of what users make are those of the configuration (storage.umask).
	syscall.Umask(0)
	// x/crypto allocates each SSH packet that it reads, so an upload makes as
	// much garbage as it has bytes, of which next to nothing lives on. With the
	// default, the small heap is collected three hundred times per GiB.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	opts.Memory = limitMemory()
	s, err := server.New(opts)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return s.Run(ctx)
}

func parse(args []string) (server.Options, slog.Level, error) {
	var opts server.Options
	var level slog.Level
	flags := flag.NewFlagSet("fileserver", flag.ContinueOnError)
	flags.StringVar(&opts.ConfigPath, config.FlagConfig, config.ConfigPath, "path of the configuration")
	flags.StringVar(&opts.HTTPAddress, config.FlagHTTPAddress, ":"+strconv.Itoa(config.PortHTTP), "where metrics and probes are served")
	flags.StringVar(&opts.AdminAddress, config.FlagAdminAddress, config.AdminAddress, "where administrators are served, or nothing for nowhere")
	flags.TextVar(&level, config.FlagLogLevel, slog.LevelInfo, "debug, info, warn or error")
	flags.Func(config.FlagPassivePorts, "the passive ports of this pod, as first-last (default all)", func(s string) (err error) {
		opts.PassivePorts, err = parseRange(s)
		return err
	})
	flags.Func(config.FlagNodeAddress, "address of the node that the pod runs on", func(s string) (err error) {
		opts.NodeAddress, err = netip.ParseAddr(s)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return opts, level, err
	}
	if flags.NArg() > 0 {
		return opts, level, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return opts, level, nil
}

func parseRange(s string) (config.PortRange, error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	var r config.PortRange
	var err1, err2 error
	r.First, err1 = strconv.Atoi(first)
	r.Last, err2 = strconv.Atoi(last)
	if err := errors.Join(err1, err2); err != nil {
		return r, fmt.Errorf("%q is no range of ports such as 50000-50009", s)
	}
	return r, r.Validate()
}
