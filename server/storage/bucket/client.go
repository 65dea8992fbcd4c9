package bucket

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

const (
	// defaultSilence is how long a connection may carry nothing while something is
	// awaited. Stores that put the parts of an upload together say nothing meanwhile.
	defaultSilence = time.Minute
	// attempts is how often a request is tried, with a pause between that grows up
	// to maxPause.
	attempts = 5
	maxPause = 5 * time.Second
	// idleConns is how many connections are kept for later requests.
	idleConns = 64
)

// newClient returns a client with our patience.
func newClient(ctx context.Context, o Options) (*s3.Client, error) {
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	region := o.Region
	if region == "" {
		region = "us-east-1"
	}
	client := &http.Client{Transport: transport}
	load := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(region),
		awsconfig.WithLogger(logging.Nop{}),
	}
	if o.CredentialsDir != "" {
		load = append(load, awsconfig.WithCredentialsProvider(aws.NewCredentialsCache(folder(o.CredentialsDir))))
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("reading what the platform says of S3: %w", err)
	}
	return s3.NewFromConfig(c, func(s *s3.Options) {
		s.BaseEndpoint = optional(o.Endpoint)
		s.UsePathStyle = o.PathStyle
		s.HTTPClient = client
		s.DisableLogOutputChecksumValidationSkipped = true
		// Many stores know no trailing checksums. What is sent is signed with its
		// SHA-256, so a part that was damaged on its way is refused.
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		s.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = attempts, cmp.Or(o.pause, maxPause)
			r.RateLimiter = ratelimit.None
			r.Retryables = append(slices.Clone(retry.DefaultRetryables), retry.IsErrorRetryableFunc(wasCut), retry.IsErrorRetryableFunc(wasSkewed))
		})
		if o.Observe != nil {
			s.APIOptions = append(s.APIOptions, observe(o.Observe))
		}
	}), nil
}

// wasCut has a request repeated whose answer ended too early. All that are made can be:
// they do the same again, or find that it is done.
func wasCut(err error) aws.Ternary {
	_, broken := errors.AsType[*smithy.DeserializationError](err)
	if broken || errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// skewed is by how much clocks may differ before a refusal is taken for one of the time, as the SDK has it.
const skewed = 4 * time.Minute

// wasSkewed has a HEAD repeated that was refused by a store with another time. The answer has no body, and so
// the SDK does not see why; it signs the next attempt by the store's time.
func wasSkewed(err error) aws.Ternary {
	r, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || r.HTTPStatusCode() != http.StatusForbidden || r.Response.Request.Method != http.MethodHead {
		return aws.UnknownTernary
	}
	if at, err := http.ParseTime(r.Response.Header.Get("Date")); err != nil || time.Since(at).Abs() < skewed {
		return aws.UnknownTernary
	}
	return aws.TrueTernary
}

func newTransport(o Options) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	silence := cmp.Or(o.silence, defaultSilence)
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &impatient{c, silence}, nil
		},
		MaxIdleConns: idleConns, MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     silence / 2, // before impatient ends it
		TLSHandshakeTimeout: 10 * time.Second,
		// Go starts a request body after this long if the store has not answered
		// "100 Continue", which spares a part that would be refused.
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(o.CA)) {
			return nil, errors.New("the certificate authority of the bucket's endpoint holds no certificate")
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return t, nil
}

// An impatient connection fails when it carries nothing for too long. The clock begins
// anew with each call.
type impatient struct {
	net.Conn
	silence time.Duration
}

func (c *impatient) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.silence)) // a connection that is closed says so itself
	return c.Conn.Read(p)
}

func (c *impatient) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.silence))
	// While much is sent nothing is read, and that is no silence.
	_ = c.SetReadDeadline(time.Now().Add(c.silence))
	return c.Conn.Write(p)
}

// observe tells of each attempt of each request.
func observe(tell func(call, result string, seconds float64)) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("observe",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				start := time.Now()
				out, meta, err := next.HandleFinalize(ctx, in)
				tell(middleware.GetOperationName(ctx), result(err), time.Since(start).Seconds())
				return out, meta, err
			}), "Retry", middleware.After)
	}
}
