//! What stands beside the link in a text. Phones and mail programs find out by themselves where an address begins and
//! ends, and take letters, a Persian comma and much else that touches it for a part of it. A text is sent as it was
//! written, so that whoever writes it leaves a blank there.

use minijinja::machinery::ast::{BinOpKind, Expr, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;

use super::check::{at, kind_of, path};
use super::refused;
use super::values::Kind;
use crate::problem::Rejection;

/// Answers everything that can touch the link in a text that was checked, whichever way its conditions go.
pub(super) fn touching(text: &str) -> Vec<Rejection> {
    let tree = match parse(text, "text", SyntaxConfig::default()) {
        Ok(tree) => tree,
        Err(error) => return vec![refused(&error)],
    };
    let mut looking = Looking::default();
    looking.statement(&tree);
    looking.found
}

/// What is no blank.
#[derive(Clone, Copy)]
enum Solid {
    Character(char),
    /// What a variable stands for, which begins and ends with no blank.
    Value,
}

/// What can stand at one end of a part of a text, where it is no blank.
#[derive(Clone, Copy, Default)]
struct End {
    solid: Option<Solid>,
    link: Option<Span>,
}

impl End {
    fn or(self, other: Self) -> Self {
        Self { solid: self.solid.or(other.solid), link: self.link.or(other.link) }
    }

    fn of(character: Option<char>) -> Self {
        let solid = character.filter(|character| !character.is_whitespace()).map(Solid::Character);
        Self { solid, link: None }
    }
}

/// What a part of a text can begin and end with.
#[derive(Clone, Copy, Default)]
struct Part {
    first: End,
    last: End,
    can_be_empty: bool,
}

impl Part {
    fn of_text(text: &str) -> Self {
        let mut characters = text.chars();
        let (first, last) = (End::of(text.chars().next()), End::of(characters.next_back()));
        Self { first, last, can_be_empty: text.is_empty() }
    }

    fn value() -> Self {
        let end = End { solid: Some(Solid::Value), link: None };
        Self { first: end, last: end, can_be_empty: true }
    }

    fn link(span: Span) -> Self {
        let end = End { solid: None, link: Some(span) };
        Self { first: end, last: end, can_be_empty: false }
    }

    fn or(self, other: Self) -> Self {
        let can_be_empty = self.can_be_empty || other.can_be_empty;
        Self { first: self.first.or(other.first), last: self.last.or(other.last), can_be_empty }
    }
}

#[derive(Default)]
struct Looking {
    found: Vec<Rejection>,
}

impl Looking {
    fn statement(&mut self, statement: &Stmt<'_>) -> Part {
        match statement {
            Stmt::Template(template) => self.all(&template.children),
            Stmt::EmitRaw(raw) => Part::of_text(raw.raw),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(condition) => self.all(&condition.true_body).or(self.all(&condition.false_body)),
            // A text that was checked has none of these.
            Stmt::ForLoop(_)
            | Stmt::WithBlock(_)
            | Stmt::Set(_)
            | Stmt::SetBlock(_)
            | Stmt::AutoEscape(_)
            | Stmt::FilterBlock(_)
            | Stmt::Do(_) => Part::value(),
        }
    }

    fn all(&mut self, statements: &[Stmt<'_>]) -> Part {
        let nothing = Part { can_be_empty: true, ..Part::default() };
        statements.iter().fold(nothing, |before, statement| {
            let behind = self.statement(statement);
            self.beside(before, behind)
        })
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Part {
        match expression {
            Expr::Var(_) | Expr::GetAttr(_) if path(expression).is_some_and(|name| kind_of(&name) == Kind::Link) => {
                Part::link(expression.span())
            }
            Expr::Const(constant) => constant.value.as_str().map_or_else(Part::value, Part::of_text),
            Expr::BinOp(operation) => match operation.op {
                BinOpKind::Concat => {
                    let (before, behind) = (self.expression(&operation.left), self.expression(&operation.right));
                    self.beside(before, behind)
                }
                BinOpKind::ScAnd | BinOpKind::ScOr => {
                    self.expression(&operation.left).or(self.expression(&operation.right))
                }
                BinOpKind::Eq
                | BinOpKind::Ne
                | BinOpKind::Lt
                | BinOpKind::Lte
                | BinOpKind::Gt
                | BinOpKind::Gte
                | BinOpKind::Add
                | BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow
                | BinOpKind::In => Part::value(),
            },
            Expr::IfExpr(choice) => {
                let other = choice.false_expr.as_ref().map_or_else(Part::value, |other| self.expression(other));
                self.expression(&choice.true_expr).or(other)
            }
            // Filters take no link.
            Expr::Var(_)
            | Expr::Slice(_)
            | Expr::UnaryOp(_)
            | Expr::Compare(_)
            | Expr::Filter(_)
            | Expr::Test(_)
            | Expr::GetAttr(_)
            | Expr::GetItem(_)
            | Expr::Call(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Map(_) => Part::value(),
        }
    }

    /// Two parts, one behind the other.
    fn beside(&mut self, before: Part, behind: Part) -> Part {
        if let Some(link) = before.last.link {
            if let Some(solid) = behind.first.solid {
                self.refuse(link, solid);
            }
            if let Some(other) = behind.first.link {
                self.refuse(other, Solid::Value);
            }
        }
        if let (Some(solid), Some(link)) = (before.last.solid, behind.first.link) {
            self.refuse(link, solid);
        }
        Part {
            first: if before.can_be_empty { before.first.or(behind.first) } else { before.first },
            last: if behind.can_be_empty { behind.last.or(before.last) } else { behind.last },
            can_be_empty: before.can_be_empty && behind.can_be_empty,
        }
    }

    fn refuse(&mut self, link: Span, solid: Solid) {
        let what = match solid {
            Solid::Character(character) if character.is_alphanumeric() || character.is_ascii_graphic() => {
                format!("The character \"{character}\"")
            }
            Solid::Character(character) => format!("The character U+{:04X}", u32::from(character)),
            Solid::Value => "A value".to_owned(),
        };
        let detail = format!(
            "{what} touches the link{}, and phones would take it for a part of the address: leave a blank or a line \
             break between the two.",
            at(link),
        );
        let rejection = Rejection::new("link_touched", detail);
        if !self.found.contains(&rejection) {
            self.found.push(rejection);
        }
    }
}
