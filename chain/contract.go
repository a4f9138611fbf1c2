package chain

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Wallets says who may spend from a wallet.
type Wallets string

const (
	// OpenWallets are names in free text, without signatures; balances may
	// go below zero. For demonstrations.
	OpenWallets Wallets = "open"
	// SignedWallets are addresses of keys; every transaction is signed.
	SignedWallets Wallets = "signed"
)

// Fees says what becomes of fees.
type Fees string

const (
	// HoldFees keeps them in the BPSC's wallet.
	HoldFees Fees = "hold"
	// BurnFees destroys them at once: the supply shrinks.
	BurnFees Fees = "burn"
)

// OpenBPSC is the BPSC's own wallet in an open contract that names none.
const OpenBPSC = "bpsc_wallet_address"

// Schedule says when blocks are produced without being asked for. Every alone
// is by time, Transactions alone by count, both whichever comes first, neither
// only on request.
type Schedule struct {
	Every        time.Duration // since the block before; 0: not by time
	Transactions int           // records in a block; 0: not by count
	Empty        bool          // produce a block on time even with no records
}

// Due is the time at which the next block is due by the schedule, unix
// microseconds; ok is false when none is due by time. before is the time of the
// block before, since that at which the oldest of the records that wait was
// decided. Where empty blocks are wanted, a block is due at an interval after
// the one before; where they are not, after that record, so that what comes
// after a quiet time is gathered as well.
func (s Schedule) Due(before, since Micros, waiting bool) (at Micros, ok bool) {
	switch {
	case s.Every == 0:
		return 0, false
	case s.Empty:
		return before.Add(s.Every), true
	}
	return since.Add(s.Every), waiting
}

// Contract holds the parameters of one BPSC. They stand in the genesis block
// and no command changes them.
type Contract struct {
	Token     string
	Decimals  int
	BPSC      string // address of the BPSC's own wallet
	FeePPM    int64  // fee in millionths of the amount
	Fees      Fees
	Treasurer string // may spend or burn held fees; "" for none
	Issuer    string // owns Supply in genesis; "" for none
	Supply    Amount
	Mintable  bool // may the issuer create more later
	Freezable bool // may the issuer freeze an account
	Wallets   Wallets
	Schedule  Schedule
	OnRequest bool // may a block be produced at any time, empty ones too

	// Of signed contracts only.
	HoldFor        time.Duration // how long a delivery waits for a recipient who approves each
	LooseningDelay time.Duration // before a wallet's loosened limit takes effect
}

// DefaultContract is what a contract says where its author says nothing.
func DefaultContract() Contract {
	return Contract{
		Token: "aka", Decimals: 6, FeePPM: 50, Fees: HoldFees,
		Wallets: SignedWallets, Schedule: Schedule{Empty: true}, OnRequest: true,
		HoldFor: 7 * 24 * time.Hour, LooseningDelay: 24 * time.Hour,
	}
}

// Validate says what is wrong with c, as ContractInvalid.
func (c Contract) Validate() error {
	switch {
	case !ValidToken(c.Token):
		return invalidContract("token must be 1 to %d of a-z, 0-9 and -", MaxTokenBytes)
	case c.Decimals < 0 || c.Decimals > MaxDecimals:
		return invalidContract("decimals must be 0 to %d", MaxDecimals)
	case c.FeePPM < 0 || c.FeePPM > MaxPPM:
		return invalidContract("fee_ppm must be 0 to %d", MaxPPM)
	case c.Fees != HoldFees && c.Fees != BurnFees:
		return invalidContract("fees must be %q or %q", HoldFees, BurnFees)
	case c.Supply < 0 || c.Supply > MaxUnits:
		return invalidContract("supply must be within 15 digits of base units")
	case c.Supply > 0 && c.Issuer == "":
		return invalidContract("supply needs an issuer to own it")
	case (c.Mintable || c.Freezable) && c.Issuer == "":
		return invalidContract("mintable and freezable need an issuer")
	}
	if err := c.validateWallets(); err != nil {
		return err
	}
	return c.Schedule.validate()
}

// validateNew is Validate for a contract that is to begin: it refuses, too, what
// would be of use to nobody, for nobody can change it afterwards.
func (c Contract) validateNew() error {
	if err := c.Validate(); err != nil {
		return err
	}
	largest := MaxUnits // that one wallet may ever send
	if c.Wallets == SignedWallets && !c.Mintable {
		largest = c.Supply
	}
	switch {
	case largest == 0:
		return invalidContract("nobody could ever hold this token: give an issuer and a supply, or an issuer and mintable")
	case Fee(largest, c.FeePPM) >= largest:
		return invalidContract("no transfer would leave its recipient anything: the fee on %s is all of it", AppendAmount(nil, largest, c.Decimals))
	case c.Schedule.Every == 0 && c.Schedule.Transactions == 0 && !c.OnRequest:
		return invalidContract("no block would ever be produced: give every, transactions, or on_request")
	}
	return nil
}

func (c Contract) validateWallets() error {
	switch c.Wallets {
	case OpenWallets:
		return c.validateNames()
	case SignedWallets:
	default:
		return invalidContract("wallets must be %q or %q", OpenWallets, SignedWallets)
	}
	switch {
	case c.BPSC != BPSCAddress(c.Token):
		return invalidContract("bpsc of a signed contract follows from its token: leave it out")
	case c.HoldFor < time.Second || c.HoldFor > MaxHold || c.HoldFor%time.Second != 0:
		return invalidContract("hold_for must be whole seconds, 1s to %s", MaxHold)
	case c.LooseningDelay < 0 || c.LooseningDelay > MaxLoosening || c.LooseningDelay%time.Second != 0:
		return invalidContract("loosening_delay must be whole seconds, at most %s", MaxLoosening)
	}
	for _, role := range [][2]string{{"treasurer", c.Treasurer}, {"issuer", c.Issuer}} {
		if role[1] == "" {
			continue
		}
		if err := ValidateAddress(role[0], role[1]); err != nil || role[1] == c.BPSC {
			return invalidContract("%s is not an address that somebody has a key for", role[0])
		}
	}
	return nil
}

func (c Contract) validateNames() error {
	if err := ValidateName("bpsc", c.BPSC); err != nil {
		return invalidContract("%v", err)
	}
	if err := c.validateRole("treasurer", c.Treasurer); err != nil {
		return err
	}
	return c.validateRole("issuer", c.Issuer)
}

func (c Contract) validateRole(field, name string) error {
	if name == "" {
		return nil
	}
	if err := ValidateName(field, name); err != nil {
		return invalidContract("%v", err)
	}
	if name == c.BPSC {
		return invalidContract("%s must not be the BPSC's own wallet", field)
	}
	return nil
}

func (s Schedule) validate() error {
	switch {
	case s.Every != 0 && (s.Every < MinEvery || s.Every > MaxEvery):
		return invalidContract("every must be %s to %s", MinEvery, MaxEvery)
	case s.Every%time.Microsecond != 0:
		return invalidContract("every must be whole microseconds")
	case s.Transactions < 0 || s.Transactions > MaxBlockRecords:
		return invalidContract("transactions must be 0 to %d", MaxBlockRecords)
	}
	return nil
}

func invalidContract(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ContractInvalid, fmt.Sprintf(format, args...))
}

// ValidToken tells whether there can be a token of that name.
func ValidToken(s string) bool {
	if s == "" || len(s) > MaxTokenBytes {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// ValidateName checks a wallet's name in an open contract: any text of 1 to
// MaxNameBytes bytes. field is what the error calls it.
func ValidateName(field, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: %s is empty", NameEmpty, field)
	case len(name) > MaxNameBytes:
		return fmt.Errorf("%w: %s has %d bytes, at most %d", NameTooLong, field, len(name), MaxNameBytes)
	}
	return validUTF8(field, name)
}

func validUTF8(field, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s is not UTF-8", InvalidUTF8, field)
	}
	return nil
}
