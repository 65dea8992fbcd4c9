package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Names of the files of credentials, which are those of the environment of all tools
// of AWS, and of the Secret that Ceph and others make for a bucket.
const (
	FileAccessKey    = "AWS_ACCESS_KEY_ID"
	FileSecretKey    = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name
	FileSessionToken = "AWS_SESSION_TOKEN"     //nolint:gosec // a name
)

// readAgain is how old credentials get before the files are read again.
const readAgain = 10 * time.Second

// A folder has credentials in files, such as a mounted Secret, in which they are
// replaced while the server runs.
type folder string

// Retrieve implements [aws.CredentialsProvider].
func (f folder) Retrieve(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{Source: "files", CanExpire: true, Expires: time.Now().Add(readAgain)}
	for name, to := range map[string]*string{
		FileAccessKey: &c.AccessKeyID, FileSecretKey: &c.SecretAccessKey, FileSessionToken: &c.SessionToken,
	} {
		b, err := os.ReadFile(filepath.Join(string(f), name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == FileSessionToken:
		case err != nil:
			return aws.Credentials{}, fmt.Errorf("%w: %w", errNoCredentials, err)
		default:
			*to = strings.TrimSpace(string(b))
		}
	}
	if !c.HasKeys() {
		return aws.Credentials{}, fmt.Errorf("%w: %s or %s is empty", errNoCredentials, FileAccessKey, FileSecretKey)
	}
	return c, nil
}

var errNoCredentials = errors.New("there are no credentials for the bucket")
