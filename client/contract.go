package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// ContractInfo is a contract with the id of its chain.
type ContractInfo struct {
	Contract chain.Contract
	ChainID  chain.Hash // zero while the server asked has not seen the chain begin
	Length   uint64     // blocks
	Time     time.Time  // by which the ledger judges, at the moment of the answer; zero when the server does not say
}

// contractAnswer is a contract as the API tells it.
type contractAnswer struct {
	Contract json.RawMessage `json:"contract"`
	ChainID  string          `json:"chain_id"`
	Length   uint64          `json:"length"`
	Time     json.Number     `json:"time"`
	Tip      json.Number     `json:"tip_timestamp"`
}

// Contract reads the contract of a token; of the cluster's first when token is
// empty.
func (c *Client) Contract(ctx context.Context, token string) (ContractInfo, error) {
	if token == "" {
		return c.defaultContract(ctx)
	}
	answer, err := c.Get(ctx, "/v1/contracts/"+url.PathEscape(token))
	if err != nil {
		return ContractInfo{}, err
	}
	var a contractAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return ContractInfo{}, fmt.Errorf("client: contract %s: %w", token, err)
	}
	info, err := a.info()
	if err == nil && info.Contract.Token != token {
		err = fmt.Errorf("client: asked for contract %s, got %s", token, info.Contract.Token)
	}
	return info, err
}

// CreateContract begins the chain of another contract, whose JSON the text is. For
// operators: see Client.Token. A contract never changes, so that one whose outcome is
// unknown and that is there when it is asked for again has been created.
func (c *Client) CreateContract(ctx context.Context, text []byte) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodPost, path: "/v1/contracts", body: text, once: true})
}

func (c *Client) defaultContract(ctx context.Context) (ContractInfo, error) {
	answer, err := c.Get(ctx, "/v1/contracts")
	if err != nil {
		return ContractInfo{}, err
	}
	var list struct {
		Items []contractAnswer `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return ContractInfo{}, fmt.Errorf("client: contracts: %w", err)
	}
	if len(list.Items) == 0 {
		return ContractInfo{}, fmt.Errorf("%w: the cluster has no contract yet", ErrUnavailable)
	}
	return list.Items[0].info()
}

func (a *contractAnswer) info() (info ContractInfo, err error) {
	info.Length, info.Time = a.Length, a.chainNow(time.Now())
	if info.Contract, err = chain.DecodeContract(a.Contract); err != nil {
		return info, fmt.Errorf("client: %w", err)
	}
	if a.ChainID != "" {
		if info.ChainID, err = chain.ParseHash(a.ChainID); err != nil {
			return info, fmt.Errorf("client: chain_id: %w", err)
		}
	}
	return info, nil
}

// clocksAgree is how far the chain's time may be from this machine's clock before
// that is worth telling: more than an answer takes on its way.
const clocksAgree = 5 * time.Second

// clockNote says by how much this machine's clock differs from the chain's time;
// empty when that is not known, or it does not.
func clockNote(chainTime chain.Seconds, local time.Time) string {
	ahead := local.Sub(chainTime.Time()).Round(time.Second)
	switch {
	case chainTime == 0, ahead.Abs() <= clocksAgree:
		return ""
	case ahead < 0:
		return fmt.Sprintf(": this machine's clock is %s behind the chain's time", -ahead)
	}
	return fmt.Sprintf(": this machine's clock is %s ahead of the chain's time", ahead)
}

// chainNow is the chain's time at the moment, as one server told it: a member
// tells it, of a follower only the newest block is known, so it is no earlier than
// that. Zero when the answer does not say.
func (a *contractAnswer) chainNow(local time.Time) time.Time {
	if now, ok := moment(a.Time); ok {
		return now
	}
	if tip, ok := moment(a.Tip); ok && tip.After(local) {
		return tip
	}
	return time.Time{}
}

// moment reads a time in seconds.
func moment(n json.Number) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(n), 64)
	if err != nil || seconds <= 0 || seconds > math.MaxInt64/1e6 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(seconds * 1e6)), true
}
