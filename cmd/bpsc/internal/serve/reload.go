package serve

import (
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// reload takes the settings anew, from the flags that were given, the variables and the
// file. All of it is read and checked first: of what is not right nothing is taken, and
// the process goes on as before. Of what is right, the settings that are live count at
// once, with the files that they name; of others that changed the log tells the names.
func (p *process) reload(n running) {
	defer p.above.Reloading()()
	live, later, err := p.tryReload(n)
	if err != nil {
		p.log.Error("SIGHUP: the settings are not taken, and all stays as it is", "error", err)
		return
	}
	p.log.Info("SIGHUP: the settings are taken anew", "changed", live)
	if len(later) > 0 {
		p.log.Warn("settings were changed that count from the next start on", "settings", later)
	}
}

func (p *process) tryReload(n running) (live, later []string, err error) {
	c := p.anew()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.table.Flags(flags)
	now, err := c.table.LoadAgain(flags, p.given)
	if err == nil {
		err = c.read()
	}
	if err == nil {
		err = c.reload(n)
	}
	if err != nil {
		return nil, nil, err
	}
	c.logs.set(&p.level)
	live, later = p.loaded.Take(now)
	return live, later, nil
}

// read reads what the settings name, and checks all of them.
func (c *configuration) read() error {
	if err := c.logs.Validate(); err != nil {
		return err
	}
	if err := c.table.Read(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return cli.ArgError("%w", err)
	}
	return nil
}
