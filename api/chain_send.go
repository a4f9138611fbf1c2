package api

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// sendChain streams the blocks after opening, and the length.
func (s *server) sendChain(c *gin.Context, opening string, sp span, length uint64, blocks source) error {
	c.Writer.Header()[headerType] = typeJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	if err := st.writeString(opening); err != nil {
		return err
	}
	err = s.each(c, sp, length, blocks, func(index uint64, canonical []byte) error {
		if index > sp.from {
			if err := st.writeString(", "); err != nil {
				return err
			}
		}
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	if err := st.writeString(`], "length": ` + strconv.FormatUint(length, 10) + "}\n"); err != nil {
		return err
	}
	return st.close()
}

// headOnly answers HEAD: what would be streamed is not read from the disk for
// nobody.
func headOnly(c *gin.Context) bool {
	if c.Request.Method != http.MethodHead {
		return false
	}
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return true
}

// sendLines streams one block a line: what a program can read without holding
// more than a block. A client that waited for the answer gets it whatever it
// has.
func (s *server) sendLines(c *gin.Context, sp span, info *chain.Info, waited bool) error {
	if done, err := s.keepLines(c, sp, info, waited); done || err != nil {
		return err
	}
	c.Writer.Header()[headerType] = typeNDJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	err = s.each(c, sp, info.Length, s.blocksOf(info), func(_ uint64, canonical []byte) error {
		if err := st.write(canonical); err != nil {
			return err
		}
		return st.writeString("\n")
	})
	if err != nil {
		return err
	}
	return st.close()
}

// keepLines says how long the lines may be kept, and how long the chain is where
// that may be said: a sealed answer is the same however the chain grows. done
// means that the client has them already.
func (s *server) keepLines(c *gin.Context, sp span, info *chain.Info, waited bool) (done bool, err error) {
	if sp.sealed(info.Length) {
		tag, err := s.sealedTag(info, sp, formLines)
		return err == nil && keptForEver(c, tag), err
	}
	header := c.Writer.Header()
	header[headerLength] = []string{strconv.FormatUint(info.Length, 10)}
	if waited {
		header[headerCache] = noStore
		return false, nil
	}
	return kept(c, sp.tag(info.Tip, formLines), revalidate), nil
}

// sendPage streams a page of blocks, with next when there are more.
func (s *server) sendPage(c *gin.Context, sp span, info *chain.Info) error {
	c.Writer.Header()[headerType] = typeJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	if err := st.writeString(`{"items":[`); err != nil {
		return err
	}
	err = s.each(c, sp, info.Length, s.blocksOf(info), func(index uint64, canonical []byte) error {
		if index > sp.from {
			if err := st.writeString(","); err != nil {
				return err
			}
		}
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	end := "]}\n"
	if next := sp.from + sp.limit; next <= info.Length {
		end = `],"next":` + strconv.FormatUint(next, 10) + "}\n"
	}
	if err := st.writeString(end); err != nil {
		return err
	}
	return st.close()
}
