//go:build !linux

package ftp

import (
	"context"
	"io"
)

func fileSender(_ context.Context, to io.ReaderFrom, _ *turns) io.ReaderFrom { return to }
