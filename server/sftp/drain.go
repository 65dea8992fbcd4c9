package sftp

import (
	"reflect"
	"unsafe"

	"golang.org/x/crypto/ssh"
)

// drainSSH lets the goroutines of x/crypto end that serve a connection, which
// is closed and of which nobody reads packets any more. The one that receives
// them waits for ever to hand over the seventeenth, and what closes the
// connection waits for that one: a client that sends a wrong packet and many
// after it has four goroutines and megabytes kept, and needs no account for it.
// There is no other way to the packets than by the name of the field; without
// it, nothing is done.
func drainSSH(conn ssh.ConnMetadata) {
	if incoming := incomingOf(conn); incoming != nil {
		go func() {
			for range incoming {
				continue
			}
		}()
	}
}

// incomingOf returns the packets that x/crypto has received and not read, or nil.
func incomingOf(conn any) chan []byte {
	v := reflect.ValueOf(conn)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	transport := v.Elem().FieldByName("transport")
	if transport.Kind() == reflect.Interface {
		transport = transport.Elem()
	}
	if transport.Kind() != reflect.Pointer || transport.IsNil() || transport.Elem().Kind() != reflect.Struct {
		return nil
	}
	incoming := transport.Elem().FieldByName("incoming")
	if !incoming.IsValid() || incoming.Type() != reflect.TypeFor[chan []byte]() {
		return nil
	}
	return *(*chan []byte)(unsafe.Pointer(incoming.UnsafeAddr())) //nolint:gosec // its type was checked
}
