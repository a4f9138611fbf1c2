package cli

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Flags by which a cluster is reached, and the variables that stand for them.
const (
	serverFlag  = "server"
	contextFlag = "context"
	caFlag      = "cacert"
	tokenFlag   = "token-file"
	policyFlag  = "policy"

	serverVariable  = EnvPrefix + "SERVER"
	contextVariable = EnvPrefix + "CONTEXT"
	caVariable      = EnvPrefix + "CACERT"
	policyVariable  = EnvPrefix + "POLICY"
)

// Where a setting may come from, the strongest first.
const (
	FromFlag     = "flag"
	FromVariable = "variable"
	FromContext  = "context"
	FromDefault  = "default"
)

// Setting is what a setting of the client came to, and why.
type Setting struct {
	Name   string `json:"name"`
	Text   string `json:"value"`
	Origin string `json:"origin"`
	Where  string `json:"where,omitempty"` // the variable's or the context's name
}

// choice is what flags, variables and a context came to.
type choice struct {
	context  *Context // nil: none counts
	named    bool     // whoever runs the command has named it, with the flag or the variable
	settings []Setting
}

// Choose fills in what no flag of cmd says: from variables, then from the context, then
// from defaults. A context that is named counts as a whole: what it leaves out is left out,
// for the variables may be another cluster's, which is to lose no token to this one. One
// that is only in use counts as long as no flag or variable names servers: its token,
// authorities and policy are of its servers and of no others.
func (o *Options) Choose(cmd *cobra.Command) error {
	if o.chosen != nil {
		return nil
	}
	changed := func(flag string) bool { f := cmd.Flags().Lookup(flag); return f != nil && f.Changed }
	name, context, err := o.pickContext(changed(serverFlag))
	if err != nil {
		return err
	}
	o.chosen = &choice{context: context, named: context != nil && cmp.Or(o.context, os.Getenv(contextVariable)) != ""}
	var of Context
	if context != nil {
		of = *context
	}
	pick := func(flag, variable, current, inContext string) string {
		s := Setting{Name: flag, Text: current, Origin: FromDefault}
		env := os.Getenv(variable)
		switch {
		case changed(flag):
			s.Origin = FromFlag
		case env != "" && !o.chosen.named:
			s.Text, s.Origin, s.Where = env, FromVariable, variable
		case inContext != "":
			s.Text, s.Origin, s.Where = inContext, FromContext, name
		}
		o.chosen.settings = append(o.chosen.settings, s)
		return s.Text
	}
	o.Servers = strings.Split(pick(serverFlag, serverVariable, cmp.Or(strings.Join(o.Servers, ","), DefaultServer), strings.Join(of.Servers, ",")), ",")
	o.CACert = pick(caFlag, caVariable, o.CACert, of.CACert)
	o.tokenFile = pick(tokenFlag, TokenVariable, o.tokenFile, of.TokenFile)
	pick(policyFlag, policyVariable, "", of.Policy)
	return nil
}

// pickContext finds the context that counts, if any.
func (o *Options) pickContext(serversGiven bool) (name string, found *Context, err error) {
	serversGiven = serversGiven || os.Getenv(serverVariable) != ""
	if o.context == "" && serversGiven {
		return "", nil, nil
	}
	all, err := ReadContexts()
	if err != nil {
		return "", nil, err
	}
	name = cmp.Or(o.context, os.Getenv(contextVariable), all.Current)
	if name == "" {
		return "", nil, nil
	}
	context, err := all.Get(name)
	return name, &context, err
}

// Settings are what the client's settings came to, for whoever asks.
func (o *Options) Settings(cmd *cobra.Command) ([]Setting, error) {
	if err := o.Choose(cmd); err != nil {
		return nil, err
	}
	return o.chosen.settings, nil
}

// from is where a setting comes from.
func (c *choice) from(name string) string {
	i := slices.IndexFunc(c.settings, func(s Setting) bool { return s.Name == name })
	return c.settings[i].Origin
}

// ofContext tells whether all servers are the context's, or none counts.
func (o *Options) ofContext(servers []string) bool {
	if o.chosen == nil || o.chosen.context == nil {
		return true
	}
	return !slices.ContainsFunc(servers, func(s string) bool { return !slices.Contains(o.chosen.context.Servers, s) })
}

// forget drops what the context says of a server that is not its own.
func (o *Options) forget() {
	if o.chosen.from(caFlag) == FromContext {
		o.CACert = ""
	}
	if o.chosen.from(tokenFlag) == FromContext {
		o.tokenFile = ""
	}
}

// PolicyFile is the policy that variable or context name, "" for none: for what is read
// from servers that are the context's, or from a file (no servers).
func (o *Options) PolicyFile(cmd *cobra.Command, servers ...string) (string, error) {
	if err := o.Choose(cmd); err != nil {
		return "", err
	}
	for _, s := range o.chosen.settings {
		if s.Name == policyFlag && (s.Origin != FromContext || o.ofContext(servers)) {
			return s.Text, nil
		}
	}
	return "", nil
}
