//! Looking at a text as the engine reads it, part by part, so that what is wrong in a branch that hardly ever comes up is
//! found when the text comes in and not when somebody should be told something.
//!
//! Every expression has a kind, and every filter and condition takes certain kinds. So a text that passes can be
//! rendered, whatever the values are.

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Filter as FilterCall, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::values::{FILTERS, Kind};
use super::{at_line, refused};
use crate::problem::Rejection;

/// Everything a text can name. What a link lacks is an empty text.
pub const VARIABLES: [&str; 10] = [
    "account.name",
    "amount",
    "business.name",
    "contact.name",
    "description",
    "due_at",
    "expires_at",
    "item.title",
    "link",
    "reference_id",
];

pub(super) fn kind_of(variable: &str) -> Kind {
    match variable {
        "amount" => Kind::Amount,
        "due_at" | "expires_at" => Kind::Date,
        "link" => Kind::Link,
        _ => Kind::Text,
    }
}

/// Answers whether the text shows the link whichever way its conditions go, or everything that is wrong with it.
pub(super) fn check(text: &str) -> Result<bool, Vec<Rejection>> {
    let tree = parse(text, "text", SyntaxConfig::default()).map_err(|error| vec![unreadable(&error)])?;
    let mut checker = Checker::default();
    let shows_link = checker.statement(&tree);
    if checker.found.is_empty() { Ok(shows_link) } else { Err(checker.found) }
}

fn unreadable(error: &minijinja::Error) -> Rejection {
    // The engine knows no tags but the plain ones.
    if error.detail().is_some_and(|detail| detail.starts_with("unknown statement")) {
        return tag_not_allowed(&at_line(error.line().unwrap_or(1)));
    }
    refused(error)
}

fn tag_not_allowed(position: &str) -> Rejection {
    let detail = format!("Only if, elif, else and endif are allowed as tags{position}.");
    Rejection::new("tag_not_allowed", detail)
}

/// Where a part of the text begins, counted in characters from one, as an editor shows it.
pub(super) fn at(span: Span) -> String {
    format!("{}, column {}", at_line(usize::from(span.start_line)), usize::from(span.start_col) + 1)
}

/// An expression that was looked at.
#[derive(Clone, Copy)]
struct Looked {
    kind: Kind,
    /// Whether the link is in it for certain.
    shows_link: bool,
}

impl Looked {
    fn plain(kind: Kind) -> Option<Self> {
        Some(Self { kind, shows_link: false })
    }
}

#[derive(Default)]
struct Checker {
    found: Vec<Rejection>,
}

impl Checker {
    fn refuse(&mut self, span: Span, code: &'static str, what: &str, why: &str) {
        let rejection = Rejection::new(code, format!("{what}{}{why}", at(span)));
        if !self.found.contains(&rejection) {
            self.found.push(rejection);
        }
    }

    /// Answers whether the statement shows the link for certain.
    fn statement(&mut self, statement: &Stmt<'_>) -> bool {
        let span = match statement {
            Stmt::Template(template) => return self.all(&template.children),
            Stmt::EmitRaw(_) => return false,
            Stmt::EmitExpr(emit) => return self.printed(&emit.expr).is_some_and(|looked| looked.shows_link),
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                let (one, other) = (self.all(&condition.true_body), self.all(&condition.false_body));
                return one && other;
            }
            Stmt::ForLoop(tag) => tag.span(),
            Stmt::WithBlock(tag) => tag.span(),
            Stmt::Set(tag) => tag.span(),
            Stmt::SetBlock(tag) => tag.span(),
            Stmt::AutoEscape(tag) => tag.span(),
            Stmt::FilterBlock(tag) => tag.span(),
            Stmt::Do(tag) => tag.span(),
        };
        self.found.push(tag_not_allowed(&at(span)));
        false
    }

    /// Looks at all of them, and does not stop at the first that shows the link.
    fn all(&mut self, statements: &[Stmt<'_>]) -> bool {
        let shown = statements.iter().filter(|statement| self.statement(statement)).count();
        shown > 0
    }

    /// An expression whose value a person would read.
    fn printed(&mut self, expression: &Expr<'_>) -> Option<Looked> {
        let looked = self.expression(expression)?;
        if looked.kind == Kind::Truth {
            self.refuse(expression.span(), "not_allowed", "What is only true or false cannot be printed", ".");
            return None;
        }
        Some(looked)
    }

    /// The kind of an expression; nothing where it is refused.
    fn expression(&mut self, expression: &Expr<'_>) -> Option<Looked> {
        let span = expression.span();
        match expression {
            Expr::Var(_) | Expr::GetAttr(_) => self.variable(expression),
            Expr::Const(constant) if constant.value.kind() == ValueKind::String => Looked::plain(Kind::Text),
            Expr::Const(constant) if constant.value.kind() == ValueKind::Bool => Looked::plain(Kind::Truth),
            Expr::Const(_) => self.not_allowed(span, "Numbers and lists"),
            Expr::UnaryOp(operation) => match operation.op {
                UnaryOpKind::Not => {
                    self.expression(&operation.expr)?;
                    Looked::plain(Kind::Truth)
                }
                UnaryOpKind::Neg => self.not_allowed(span, "Calculations"),
            },
            Expr::BinOp(operation) => self.operation(operation.op, &operation.left, &operation.right, span),
            Expr::Compare(compare) => {
                let all_equal = compare.ops.iter().all(|op| matches!(op.op, CompareOpKind::Eq | CompareOpKind::Ne));
                let operands = std::iter::once(&compare.expr).chain(compare.ops.iter().map(|op| &op.expr));
                self.comparison(operands, all_equal, span)
            }
            Expr::IfExpr(choice) => {
                let asked = self.expression(&choice.test_expr);
                let Some(other) = &choice.false_expr else {
                    return self.not_allowed(span, "Choices without else");
                };
                let chosen = self.either(&choice.true_expr, other, |one, other| one && other);
                asked.and(chosen)
            }
            Expr::Filter(call) => self.filter(call, span),
            Expr::Slice(_) | Expr::GetItem(_) => self.not_allowed(span, "Parts of a value"),
            Expr::Test(_) => self.not_allowed(span, "Tests with is"),
            Expr::Call(_) => self.not_allowed(span, "Calls"),
            Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => self.not_allowed(span, "Lists"),
        }
    }

    fn not_allowed(&mut self, span: Span, what: &str) -> Option<Looked> {
        let why = " are not allowed: a text has variables, filters, and, or, not, ==, !=, ~ and if with else.";
        self.refuse(span, "not_allowed", what, why);
        None
    }

    fn variable(&mut self, expression: &Expr<'_>) -> Option<Looked> {
        let Some(name) = path(expression) else { return self.not_allowed(expression.span(), "Parts of a value") };
        if !VARIABLES.contains(&name.as_str()) {
            let there_are = format!("; there are {}.", VARIABLES.join(", "));
            self.refuse(expression.span(), "unknown_variable", &format!("There is no variable {name}"), &there_are);
            return None;
        }
        let kind = kind_of(&name);
        Some(Looked { kind, shows_link: kind == Kind::Link })
    }

    fn operation(&mut self, operator: BinOpKind, left: &Expr<'_>, right: &Expr<'_>, span: Span) -> Option<Looked> {
        match operator {
            // A text that carries the link is never empty, so "or" stops at it and "and" goes on after it.
            BinOpKind::ScAnd => self.either(left, right, |one, other| one && other),
            BinOpKind::ScOr => self.either(left, right, |one, _| one),
            BinOpKind::Concat => {
                let (one, other) = (self.printed(left), self.printed(right));
                let (one, other) = (one?, other?);
                let kind = match (one.kind, other.kind) {
                    (Kind::Link | Kind::Mixed, _) | (_, Kind::Link | Kind::Mixed) => Kind::Link,
                    _ => Kind::Text,
                };
                Some(Looked { kind, shows_link: one.shows_link || other.shows_link })
            }
            BinOpKind::Eq | BinOpKind::Ne => self.comparison([left, right].into_iter(), true, span),
            BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte | BinOpKind::In => {
                self.comparison([left, right].into_iter(), false, span)
            }
            BinOpKind::Add
            | BinOpKind::Sub
            | BinOpKind::Mul
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow => self.not_allowed(span, "Calculations"),
        }
    }

    /// One of two expressions, whichever it comes to. `shows` says from each whether the link is in it for certain.
    fn either(&mut self, one: &Expr<'_>, other: &Expr<'_>, shows: fn(bool, bool) -> bool) -> Option<Looked> {
        let (one, other) = (self.expression(one), self.expression(other));
        let (one, other) = (one?, other?);
        Some(Looked { kind: join(one.kind, other.kind), shows_link: shows(one.shows_link, other.shows_link) })
    }

    /// Only texts can be compared, and only for being the same.
    fn comparison<'a>(
        &mut self,
        operands: impl Iterator<Item = &'a Expr<'a>>,
        for_equality: bool,
        span: Span,
    ) -> Option<Looked> {
        let kinds: Vec<Option<Looked>> = operands.map(|operand| self.expression(operand)).collect();
        if !for_equality {
            return self.not_allowed(span, "Other comparisons");
        }
        if kinds.iter().flatten().any(|looked| looked.kind != Kind::Text) {
            self.refuse(span, "not_allowed", "Only texts can be compared", ".");
            return None;
        }
        kinds.iter().all(Option::is_some).then_some(Looked { kind: Kind::Truth, shows_link: false })
    }

    fn filter(&mut self, call: &FilterCall<'_>, span: Span) -> Option<Looked> {
        let of = call.expr.as_ref().map(|inner| self.expression(inner));
        let arguments: Vec<Option<Looked>> = call.args.iter().map(|argument| self.argument(argument, span)).collect();
        let name = call.name;
        let Some(filter) = FILTERS.iter().find(|filter| filter.name == name) else {
            let names: Vec<&str> = FILTERS.iter().map(|filter| filter.name).collect();
            let there_are = format!("; there are {}.", names.join(", "));
            self.refuse(span, "unknown_filter", &format!("There is no filter {name}"), &there_are);
            return None;
        };
        let of = of??;
        if of.kind != filter.of {
            let what = match filter.of {
                Kind::Amount => "amount",
                Kind::Date => "expires_at",
                Kind::Text | Kind::Link | Kind::Truth | Kind::Mixed => "texts other than the link",
            };
            self.refuse(
                span,
                "wrong_filter",
                &format!("The filter {name}"),
                &format!(" can only be applied to {what}."),
            );
            return None;
        }
        if arguments.len() != filter.arguments {
            let takes =
                if filter.arguments == 0 { " takes nothing in brackets." } else { " takes one text in brackets." };
            self.refuse(span, "wrong_filter", &format!("The filter {name}"), takes);
            return None;
        }
        arguments.iter().all(Option::is_some).then_some(Looked { kind: Kind::Text, shows_link: false })
    }

    fn argument(&mut self, argument: &CallArg<'_>, span: Span) -> Option<Looked> {
        let looked = match argument {
            CallArg::Pos(expression) => self.expression(expression)?,
            CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                return self.not_allowed(span, "Named arguments");
            }
        };
        if looked.kind != Kind::Text {
            self.refuse(span, "wrong_filter", "Only a text can stand in brackets", ".");
            return None;
        }
        Some(looked)
    }
}

/// What it is if a condition decides between the two.
fn join(one: Kind, other: Kind) -> Kind {
    if one == other {
        one
    } else if one == Kind::Truth || other == Kind::Truth {
        Kind::Truth
    } else {
        Kind::Mixed
    }
}

/// The name of a variable with its attributes.
pub(super) fn path(expression: &Expr<'_>) -> Option<String> {
    if let Expr::Var(variable) = expression {
        return Some(variable.id.to_owned());
    }
    let Expr::GetAttr(attribute) = expression else { return None };
    Some(format!("{}.{}", path(&attribute.expr)?, attribute.name))
}
