//go:build !unix

package sftp

// maxDescriptors is how many descriptors the process may have.
func maxDescriptors() int { return 1024 }
