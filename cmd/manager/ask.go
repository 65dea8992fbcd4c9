package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"
)

const (
	askTime  = time.Minute
	askAgain = time.Second
)

// ask asks for a URL until a server answers it and knows the path, whoever may read it. It
// does not look at the certificate, which the operator makes at each start.
func ask(url string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	web := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // nothing is told to the server, and nothing believed
	}}
	for {
		err := answers(ctx, web, url)
		if err == nil {
			fmt.Println(url, "answers")
			return nil
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return fmt.Errorf("asking for %s for %s: %w", url, within, err)
		}
	}
}

func answers(ctx context.Context, web *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := web.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden:
		return nil
	}
	return fmt.Errorf("the answer is %s", response.Status)
}
