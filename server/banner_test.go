package server

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

func TestFTPAndFTPSGreetWithTheBanner(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.FTPBanner = "Exchange of Example Ltd.\n220 \nUse is logged.\n" })
	plain, err := net.Dial("tcp", i.addrs["21"])
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	protected, err := tls.Dial("tcp", i.addrs["990"], insecure)
	if err != nil {
		t.Fatal(err)
	}
	defer protected.Close()
	// No line between looks like the last one (RFC 959 section 4.2).
	want := "220-Exchange of Example Ltd.\r\n 220 \r\n220 Use is logged.\r\n"
	for name, conn := range map[string]io.Reader{"ftp": plain, "ftps": protected} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Errorf("%s greets with %q, %v", name, got, err)
		}
	}
}
