package doctor

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/backups"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// grade is how bad it is.
type grade string

const (
	fine    grade = "ok"
	warning grade = "warn"
	failure grade = "fail"
	unasked grade = "skip" // not looked at; Advice says how to have it looked at
)

// finding is one line of a diagnosis.
type finding struct {
	Check  string `json:"check"`
	Grade  grade  `json:"grade"`
	Value  string `json:"value"`
	Advice string `json:"advice,omitempty"` // what to do; "" where nothing is to be done
}

// diagnosis is all of them.
type diagnosis struct {
	Grade    grade     `json:"grade"` // the worst
	Findings []finding `json:"findings"`
}

func newDiagnosis(findings []finding) diagnosis {
	d := diagnosis{Grade: fine, Findings: findings}
	for _, f := range findings {
		if f.Grade == failure || f.Grade == warning && d.Grade == fine {
			d.Grade = f.Grade
		}
	}
	return d
}

func (d *diagnosis) err() error {
	switch d.Grade {
	case warning:
		return cli.Report(cli.ErrWarned)
	case failure:
		return cli.Report(cli.ErrFound)
	}
	return nil
}

// write writes a line for each finding, and what to do under it.
func (d *diagnosis) write(out io.Writer) error {
	for _, f := range d.Findings {
		_, err := fmt.Fprintf(out, "%-4s  %-12s  %s\n", f.Grade, f.Check, cli.PrintableLine(f.Value))
		if err == nil && f.Advice != "" {
			_, err = fmt.Fprintf(out, "%20s%s\n", "", cli.PrintableLine("-> "+f.Advice))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// print is write for people, and the same for programs.
func (d *diagnosis) print(o *cli.Options, out io.Writer) error {
	if o.ForPeople() {
		return d.write(out)
	}
	var rows []table.Row
	for _, f := range d.Findings {
		rows = append(rows, table.Row{f.Grade, f.Check, f.Value, f.Advice})
	}
	return o.Print(out, d, table.Row{"grade", "check", "value", "advice"}, rows...)
}

// doctorOptions are the flags of bpsc doctor and bpsc debug bundle.
type doctorOptions struct {
	*cli.Options
	data       string
	backup     string
	backupAge  time.Duration
	secretFile string
	s3         backup.S3Options
}

func newDoctorCommand(o *cli.Options) *cobra.Command {
	d := &doctorOptions{Options: o}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with a cluster, and say what to do", Args: cli.ExactArgs(0),
		Example: `  bpsc doctor
  bpsc doctor --data /var/lib/bpsc --backup /srv/backup -o json`,
		Long: `Look for what is wrong with a cluster: the leader and what else may fail, each member, clocks,
disks and how long they take to write, versions, what members and witnesses say about the
chains, limits of the processes, and the age of the last backup. A line each: ok, warn, fail,
or skip for what was not asked for; then the value, and what to do.

Every member of the cluster is asked that --server tells of. What only its operator may know
is asked from the member's own machine, or with --token-file.

Ends with 0 when all is well, with 10 when there are warnings, and with 11 when something is wrong.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.diagnose(cmd, func(_ context.Context, _ *facts, found *diagnosis) error {
				return found.print(o, cmd.OutOrStdout())
			})
		},
	}
	d.flags(cmd)
	return cmd
}

func (d *doctorOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.data, "data", "", "data folder of a member on this machine: how long its disk takes is measured there, with 2 MiB at most")
	f.StringVar(&d.backup, "backup", "", "where the backups are: a folder, or s3://bucket/prefix")
	backups.S3Flags(f, &d.s3)
	f.DurationVar(&d.backupAge, "backup-age", 26*time.Hour, "how old the last backup may be")
	f.StringVar(&d.secretFile, "operator-secret-file", "", "file with the operator's secret of the members, in place of a token")
}

// diagnose finds out what there is to know, has show show it, and ends as the worst
// of it says.
func (d *doctorOptions) diagnose(cmd *cobra.Command, show func(context.Context, *facts, *diagnosis) error) error {
	if d.backupAge <= 0 {
		return cli.ArgError("--backup-age must be more than nothing")
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), d.Timeout)
	defer cancel()
	f, err := d.collect(ctx)
	if err != nil {
		return err
	}
	found := newDiagnosis(f.check())
	if err := show(ctx, f, &found); err != nil {
		return err
	}
	return found.err()
}
