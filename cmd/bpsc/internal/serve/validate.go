package serve

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/node"
)

// validated is a file of settings that is right.
type validated struct {
	File     string   `json:"file"`
	For      string   `json:"for"` // the command
	Warnings []string `json:"warnings,omitempty"`

	path  string
	alike []alike
	id    string
}

// alike is what members of a cluster are to have alike, as a text that can be compared.
type alike struct{ setting, text string }

func newConfigValidateCommand() *cobra.Command {
	o, kind := &cli.Options{}, ""
	cmd := &cobra.Command{
		Use: "validate FILE...", Short: "Check files of settings, and that those of members fit each other",
		Example: `  bpsc config validate n1.yaml n2.yaml n3.yaml`,
		Long: "Check files of settings, with the files that they name, as a start would: every key, every value,\n" +
			"each mistake with its line. Of several files of one cluster's members it checks that they are of\n" +
			"different members and say the same where all have to. " + cli.EnvPrefix + "… variables count, as they would for\n" +
			"the command. Nothing is started and nothing written. Exits with 2 where something is wrong.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.ArgError("which file? %s", cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			good, err := validateFiles(kind, args)
			if err != nil {
				return err
			}
			text := ""
			for _, v := range good {
				text += fmt.Sprintf("%s: good, for bpsc %s\n", v.File, v.For)
				for _, warning := range v.Warnings {
					cmd.PrintErrln("bpsc:", warning)
				}
			}
			return o.Say(cmd.OutOrStdout(), good, text)
		},
	}
	cmd.Flags().StringVar(&kind, "for", "", "the command that the files are for: server, follow or witness (default: the one whose settings they have)")
	cli.Complete(cmd, "for", "server", "follow", "witness")
	o.OutputFlag(cmd)
	return cmd
}

// validateFiles checks each of the files, and all of them together.
func validateFiles(kind string, paths []string) ([]validated, error) {
	if kind != "" && !slices.ContainsFunc(kinds, func(k kindOf) bool { return k.name == kind }) {
		return nil, cli.ArgError("--for is server, follow or witness")
	}
	var good []validated
	var wrong []error
	for _, path := range paths {
		v, err := validateFile(kind, path)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		good = append(good, v)
	}
	wrong = append(wrong, together(good)...)
	if err := errors.Join(wrong...); err != nil {
		return nil, cli.ArgError("%w", err)
	}
	return good, nil
}

func validateFile(kind, path string) (validated, error) {
	v := validated{File: path, For: kind, path: path}
	if v.For == "" {
		names, err := settings.Names(path)
		if err != nil {
			return v, err
		}
		v.For = guess(names)
	}
	c := kinds[slices.IndexFunc(kinds, func(k kindOf) bool { return k.name == v.For })].anew()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.table.Flags(flags)
	if err := flags.Set("config", path); err != nil {
		return v, err
	}
	loaded, err := c.table.Load(flags)
	if err != nil {
		return v, plain(err)
	}
	err = c.read()
	if err == nil {
		err = c.files()
	}
	if err != nil {
		return v, loaded.Blame(plain(err))
	}
	v.Warnings = loaded.Warnings
	if c.alike != nil {
		v.id, v.alike = c.alike()
	}
	return v, nil
}

// plain is an error without the word that says whose mistake it is.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), cli.ErrUsage.Error()+": "))
}

// guess is the command most of whose settings a file has.
func guess(names []string) string {
	best, most := kinds[0].name, 0
	for _, kind := range kinds {
		if known := kind.anew().table.Knows(names); known > most {
			best, most = kind.name, known
		}
	}
	return best
}

// together finds what is wrong among files that are right by themselves.
func together(files []validated) (wrong []error) {
	for i, v := range files {
		for _, other := range files[:i] {
			if v.For != other.For || v.alike == nil {
				continue
			}
			if v.id == other.id {
				wrong = append(wrong, fmt.Errorf("%s and %s: both are of the member %q", other.path, v.path, v.id))
			}
		}
	}
	first := slices.IndexFunc(files, func(v validated) bool { return v.alike != nil })
	if first < 0 {
		return wrong
	}
	for _, v := range files[first+1:] {
		for i, is := range v.alike {
			if was := files[first].alike[i]; was.text != is.text {
				wrong = append(wrong, fmt.Errorf("%s and %s: %s differs, and is to be the same on all members:\n  %s\n  %s",
					files[first].path, v.path, is.setting, was.text, is.text))
			}
		}
	}
	return wrong
}

// membersAlike is what members that begin a cluster have to say alike, or are to.
func membersAlike(c *node.MemberConfig) []alike {
	var peers, witnesses []string
	for _, p := range c.Peers {
		peers = append(peers, p.ID+"="+p.Addr)
	}
	for _, w := range c.Witnesses {
		witnesses = append(witnesses, w.Name+" "+w.Key.String())
	}
	slices.Sort(peers)
	slices.Sort(witnesses)
	contract := "none"
	if c.Contract != nil {
		text, _ := c.Contract.MarshalJSON() // of a contract that was read it fails for nothing
		contract = string(text)
	}
	return []alike{
		{"cluster", strings.Join(peers, ",")}, {"contract", contract}, {"witnesses", strings.Join(witnesses, ", ")},
		{"witness-quorum", strconv.Itoa(c.WitnessQuorum)}, {"two-voters", strconv.FormatBool(c.TwoVoters)},
		{"heartbeat", c.Heartbeat.String()},
	}
}
