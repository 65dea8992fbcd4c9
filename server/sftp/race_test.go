//go:build race

package sftp_test

// raceEnabled makes tests that move much move less.
const raceEnabled = true
