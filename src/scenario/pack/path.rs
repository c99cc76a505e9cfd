//! The path of a request class: text, and places that are filled in for each request.

/// Furthest back that a path may reach, in seconds.
const BACK_MAX: u64 = 600;

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPiece {
    /// As it is written.
    Text(String),
    /// `{n}`: a number below `keys`.
    Number,
    /// `{s}`, `{s-5}`: the second since the users came, or so many seconds before it, but none before the first.
    Second {
        /// How many seconds before.
        back: u64,
    },
}

/// The parts of `path` in order; nothing if something in braces is no placeholder.
pub fn path_pieces(path: &str) -> Option<Vec<PathPiece>> {
    let (mut pieces, mut rest) = (Vec::new(), path);
    while let Some((text, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        pieces.push(PathPiece::Text(text.to_owned()));
        pieces.push(placeholder(name)?);
        rest = after;
    }
    pieces.push(PathPiece::Text(rest.to_owned()));
    let odd = |piece: &PathPiece| matches!(piece, PathPiece::Text(text) if text.contains(['{', '}']));
    (!pieces.iter().any(odd)).then_some(pieces)
}

fn placeholder(name: &str) -> Option<PathPiece> {
    match name {
        "n" => Some(PathPiece::Number),
        "s" => Some(PathPiece::Second { back: 0 }),
        _ => {
            let back = name.strip_prefix("s-")?.parse().ok()?;
            (1..=BACK_MAX).contains(&back).then_some(PathPiece::Second { back })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_read_and_odd_ones_refused() {
        let text = |text: &str| PathPiece::Text(text.to_owned());
        assert_eq!(path_pieces("/health").unwrap(), [text("/health")]);
        assert_eq!(
            path_pieces("/o/{n}-{s-5}?at={s}").unwrap(),
            [
                text("/o/"),
                PathPiece::Number,
                text("-"),
                PathPiece::Second { back: 5 },
                text("?at="),
                PathPiece::Second { back: 0 },
                text("")
            ]
        );
        for odd in ["/{m}", "/{n", "/n}", "/{}", "/{s-}", "/{s-0}", "/{s-601}", "/{s--1}", "/{s+1}", "/{{n}}"]
        {
            assert_eq!(path_pieces(odd), None, "{odd}");
        }
    }
}
