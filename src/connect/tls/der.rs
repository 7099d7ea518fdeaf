//! As much of DER as it takes to find an extension in a certificate, and to name an algorithm.
//!
//! Judges nothing: what it cannot read ends it.

/// Elements one after the other, each with its place in the whole.
pub(super) struct Der<'a> {
    all: &'a [u8],
    at: usize,
    end: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    all: &'a [u8],
    /// Where its tag stands.
    pub(super) first: usize,
    /// Where its content begins and ends.
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl<'a> Der<'a> {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const IDENTIFIER: u8 = 0x06;
    pub(super) const SEQUENCE: u8 = 0x30;
    /// A certificate's: context-specific, constructed, number 3.
    pub(super) const EXTENSIONS: u8 = 0xa3;

    pub(super) const fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0, end: all.len() }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// The content of the one element there is, if it has this tag.
    pub(super) fn whole(mut self, tag: u8) -> Option<Self> {
        let element = self.next()?;
        (element.tag == tag && self.is_at_end()).then(|| element.content())
    }

    /// Whether there are some, all of them as they have to be, and nothing else.
    pub(super) fn all_are(&mut self, is_good: impl Fn(Element<'a>) -> bool) -> bool {
        !self.is_at_end() && self.all(is_good) && self.is_at_end()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.all.get(self.at).filter(|_| self.at < self.end)?;
        self.at += 1;
        Some(byte)
    }

    fn length(&mut self) -> Option<usize> {
        match self.byte()? {
            short @ 0..=0x7f => Some(short.into()),
            long @ 0x81..=0x83 => {
                (0x80..long).try_fold(0, |length, _| Some(length << 8 | usize::from(self.byte()?)))
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let mut ahead = Der { ..*self };
        let tag = ahead.byte()?;
        let length = ahead.length()?;
        let (begin, end) = (ahead.at, ahead.at + length);
        if end > self.end {
            return None;
        }
        let element = Element { tag, all: self.all, first: self.at, begin, end };
        self.at = end;
        Some(element)
    }
}

impl<'a> Element<'a> {
    pub(super) fn bytes(&self) -> &'a [u8] {
        &self.all[self.begin..self.end]
    }

    pub(super) const fn content(&self) -> Der<'a> {
        Der { all: self.all, at: self.begin, end: self.end }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_what_is_cut_off_is_not() {
        let bytes = [0x30, 0x06, 0x06, 0x01, 0x2a, 0x01, 0x01, 0xff, 0x05, 0x00];
        let mut outer = Der::new(&bytes);
        let sequence = outer.next().unwrap();
        assert_eq!((sequence.tag, sequence.first, sequence.end), (Der::SEQUENCE, 0, 8));
        let inner: Vec<_> = sequence.content().map(|e| (e.tag, e.bytes().to_vec())).collect();
        assert_eq!(inner, [(Der::IDENTIFIER, vec![0x2a]), (Der::BOOLEAN, vec![0xff])]);
        assert!(!outer.is_at_end());
        for cut in 0..8 {
            assert!(Der::new(&bytes[..cut]).next().is_none(), "{cut}");
        }
    }

    #[test]
    fn lengths_are_read_in_each_form() {
        for (head, length) in
            [(&[4, 0x7f][..], 127), (&[4, 0x81, 0x80], 128), (&[4, 0x82, 1, 0], 256)]
        {
            let bytes = [head, &vec![7; length]].concat();
            assert_eq!(Der::new(&bytes).next().unwrap().bytes().len(), length);
        }
        assert!(Der::new(&[4, 0x80, 0, 0]).next().is_none());
        assert!(Der::new(&[4, 0x84, 0, 0, 0, 0]).next().is_none());
    }
}
