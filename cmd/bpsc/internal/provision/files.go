package provision

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/token"
)

// Who may read what: certificates anybody, what is secret only its owner.
const (
	public = 0o644
	secret = 0o600
)

// folder writes files that must not be there yet.
type folder string

func (f folder) write(name string, text []byte, mode os.FileMode) error {
	return durable.CreateFile(filepath.Join(string(f), name), text, mode)
}

// writeCluster makes everything below a folder that is not there yet.
func (l *layout) writeCluster(at folder, contractText []byte, now time.Time, valid time.Duration) error {
	ca, err := pki.NewAuthority(l.name, now)
	if err != nil {
		return err
	}
	cert, key, err := ca.Encode()
	if err != nil {
		return err
	}
	secretText, _, err := token.New(rand.Reader)
	if err != nil {
		return err
	}
	root := []byte(secretText + "\n")
	for _, file := range []struct {
		name string
		text []byte
		mode os.FileMode
	}{{caCert, cert, public}, {caKey, key, secret}, {rootToken, root, secret}, {clientEnv, l.clientEnv(), public}} {
		if err := at.write(file.name, file.text, file.mode); err != nil {
			return err
		}
	}
	for _, m := range l.members {
		if err := l.writeMember(at, m, ca, root, contractText, now, valid); err != nil {
			return err
		}
	}
	return nil
}

// writeMember makes the folder of a member.
func (l *layout) writeMember(at folder, m member, ca *pki.Authority, root, contractText []byte, now time.Time, valid time.Duration) error {
	own := folder(filepath.Join(string(at), m.id))
	if err := durable.MkdirAll(string(own), 0o750); err != nil {
		return err
	}
	cert, _, err := ca.Encode()
	if err != nil {
		return err
	}
	config, err := l.config(m, len(contractText) > 0)
	if err != nil {
		return err
	}
	if err := own.write(caCert, cert, public); err != nil {
		return err
	}
	if err := own.write(configFile, config, public); err != nil {
		return err
	}
	if err := own.write(rootToken, root, secret); err != nil {
		return err
	}
	if len(contractText) > 0 {
		if err := own.write(contract, contractText, public); err != nil {
			return err
		}
	}
	return l.certify(string(own), m, ca, now, valid, durable.CreateFile)
}

// writer is durable.CreateFile, or durable.WriteFile over what is there.
type writer func(path string, text []byte, mode os.FileMode) error

// certify makes the certificates of a member, among the others and for clients.
func (l *layout) certify(dir string, m member, ca *pki.Authority, now time.Time, valid time.Duration, write writer) error {
	among, err := ca.Member(pki.Name{Cluster: l.name, Member: m.id}, now, valid)
	if err != nil {
		return err
	}
	if err := writePair(dir, memberCert, memberKey, among, write); err != nil {
		return err
	}
	return certifyServer(dir, m.hosts, ca, now, valid, write)
}

// certifyServer makes the certificate that clients are shown.
func certifyServer(dir string, hosts []string, ca *pki.Authority, now time.Time, valid time.Duration, write writer) error {
	pair, err := ca.Server(hosts, now, valid)
	if err != nil {
		return err
	}
	return writePair(dir, apiCert, apiKey, pair, write)
}

// writePair writes the key first: who looks in between finds a pair that does not fit, and
// looks again.
func writePair(dir, certName, keyName string, pair pki.Pair, write writer) error {
	cert, key, err := pair.Encode()
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, keyName), key, secret); err != nil {
		return err
	}
	return write(filepath.Join(dir, certName), cert, public)
}

// memberSettings are those of a member's configuration, in the order in which one reads them.
type memberSettings struct {
	ID         string `yaml:"id"`
	Data       string `yaml:"data"`
	Listen     string `yaml:"listen"`
	Advertise  string `yaml:"advertise"`
	Raft       string `yaml:"raft"`
	Cluster    string `yaml:"cluster,omitempty"`
	Join       bool   `yaml:"join,omitempty"`
	Contract   string `yaml:"contract,omitempty"`
	TLSCert    string `yaml:"tls-cert"`
	TLSKey     string `yaml:"tls-key"`
	MemberCA   string `yaml:"member-ca"`
	MemberCert string `yaml:"member-cert"`
	MemberKey  string `yaml:"member-key"`
	Secret     string `yaml:"operator-secret-file"`
	AllowHost  string `yaml:"allow-host,omitempty"`
}

// config is the configuration of a member.
func (l *layout) config(m member, withContract bool) ([]byte, error) {
	in := func(name string) string { return filepath.Join(l.etcOf(m), name) }
	s := memberSettings{
		ID: m.id, Data: l.dataOf(m), Listen: listening(m.api), Advertise: "https://" + m.api, Raft: listening(m.raft),
		Cluster: l.founders(), Join: m.joins,
		TLSCert: in(apiCert), TLSKey: in(apiKey), MemberCA: in(caCert), MemberCert: in(memberCert), MemberKey: in(memberKey), Secret: in(rootToken),
	}
	if m.joins {
		s.Cluster = ""
	}
	if withContract {
		s.Contract = in(contract)
	}
	for _, host := range m.hosts[1:] {
		if host != "localhost" {
			s.AllowHost = strings.TrimPrefix(s.AllowHost+","+host, ",")
		}
	}
	text, err := yaml.Marshal(s)
	head := fmt.Sprintf("# Member %s of cluster %s: bpsc server --config %s\n", m.id, l.name, in(configFile))
	return append([]byte(head), text...), err
}

// clientEnv is what a shell has to know to reach the cluster.
func (l *layout) clientEnv() []byte {
	return []byte(fmt.Sprintf("# set -a; . %s; bpsc cluster status\nBPSC_SERVER='%s'\nBPSC_CACERT='%s'\nBPSC_TOKEN_FILE='%s'\n",
		quoted(filepath.Join(l.out, clientEnv)), strings.Join(l.urls(), ","), quoted(filepath.Join(l.out, caCert)), quoted(filepath.Join(l.out, rootToken))))
}

// quoted is a text within quotation marks of a shell.
func quoted(text string) string { return strings.ReplaceAll(text, "'", `'\''`) }
