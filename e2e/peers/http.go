package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answerLimit is how much of an answer is read: the longest is etcd's metrics.
const answerLimit = 4 << 20

// ask returns the body of an answer with 200 or 201.
func ask(ctx context.Context, method, url, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all of it has been read
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, text)
	}
	return text, nil
}

// getJSON reads the answer to a GET.
func getJSON(ctx context.Context, url string, into any) error {
	text, err := get(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
