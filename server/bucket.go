package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage/bucket"
)

const (
	// checkTime is how long a check of the bucket may take.
	checkTime = time.Minute
	// checkEvery is how often a bucket is checked that can be used, and checkAgain
	// one that cannot.
	checkEvery = 15 * time.Minute
	checkAgain = 15 * time.Second
)

// bucketState is the bucket that has the files, and what is wrong with it.
type bucketState struct {
	*bucket.Bucket
	log     *slog.Logger
	fault   atomic.Pointer[config.BucketFault]
	checked atomic.Bool
}

// told is what is wrong with the bucket, and whether that is being found out for the first
// time.
func (b *bucketState) told() (fault *config.BucketFault, looking bool) {
	looking = !b.checked.Load()
	return b.fault.Load(), looking
}

func openBucket(c *config.Bucket, memory int64, reg prometheus.Registerer, log *slog.Logger) (*bucketState, error) {
	b, err := bucket.Open(context.Background(), bucket.Options{
		Endpoint: c.Endpoint, Region: c.Region, Bucket: c.Name, Prefix: c.Prefix, PathStyle: c.PathStyle,
		CredentialsDir: c.CredentialsDir, CA: c.CA,
		Encryption: string(c.Encryption), KMSKeyID: c.KMSKeyID, StorageClass: c.StorageClass,
		PartSize: c.PartSize, Memory: memory, Observe: observeBucket(reg),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the bucket %q: %w", c.Name, err)
	}
	registerBucket(reg, b)
	return &bucketState{Bucket: b, log: log}, nil
}

// watch checks from time to time whether the bucket can be used, until ctx ends.
func (b *bucketState) watch(ctx context.Context) {
	for {
		again := checkEvery
		if b.check(ctx) != nil {
			again = checkAgain
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return
		}
	}
}

func (b *bucketState) check(ctx context.Context) *config.BucketFault {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	host, err := os.Hostname()
	if err != nil {
		host = "server"
	}
	var found *config.BucketFault
	if f := b.Check(ctx, host); f != nil {
		found = &config.BucketFault{Call: f.Call, Code: f.Code, Refused: f.Refused}
	}
	before := b.fault.Swap(found)
	b.checked.Store(true)
	switch {
	case found != nil && (before == nil || *before != *found):
		b.log.Warn("the bucket cannot be used as it is needed", "call", found.Call, "code", found.Code)
	case found == nil && before != nil:
		b.log.Info("the bucket can be used again")
	}
	return found
}

// observeBucket counts the requests to the bucket.
func observeBucket(reg prometheus.Registerer) func(call, result string, seconds float64) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "fileserver", Name: "bucket_requests_total", Help: "Requests to the bucket, each attempt.",
	}, []string{"call", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "fileserver", Name: "bucket_request_duration_seconds", Help: "How long the bucket took to answer.",
		Buckets: prometheus.ExponentialBuckets(0.005, 4, 8), // 5 ms to 82 s
	}, []string{"call"})
	reg.MustRegister(requests, seconds)
	return func(call, result string, took float64) {
		requests.WithLabelValues(call, result).Inc()
		seconds.WithLabelValues(call).Observe(took)
	}
}

// registerBucket publishes how much memory uploads take.
func registerBucket(reg prometheus.Registerer, b *bucket.Bucket) {
	gauge := func(name, help string, value func() int64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fileserver", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge("bucket_upload_memory_bytes", "Memory that parts of uploads to the bucket take.", func() int64 { taken, _ := b.Memory(); return taken })
	gauge("bucket_upload_memory_limit_bytes", "Memory that they may take.", func() int64 { _, limit := b.Memory(); return limit })
}
