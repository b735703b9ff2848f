/* parse.y: the grammar. LALR(1) with LAC, no conflicts, no precedence declarations.
   One grammar reads what people write and the flat form that --emit=graph prints; its actions only build the tree. */
%require "3.8"
%define api.pure full
%define api.prefix {nn}
%define api.token.prefix {T_}
%define api.value.type union
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction accepting // so that an `error` takes every word up to the end of its line
%locations
%param { Parser *p }

%code requires {
#include "frontend/parser.h"
}
%code {
#define YYLLOC_DEFAULT(here, rhs, n) \
    ((here) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
                  : (Span){p->source, YYRHSLOC(rhs, 0).hi, YYRHSLOC(rhs, 0).hi})
static int nnlex(NNSTYPE *value, Span *span, Parser *p);
static void nnerror(Span *span, Parser *p, const char *message);
#define A p->arena
#define PUSH(list, ...) vec_push(A, &(list), __VA_ARGS__)
#define BIN(op, l, at, r) bounded(p, expr_binary(A, op, l, at, r))
static Expr *leaf(Parser *p, ExprKind kind, Span span, const char *text);
static Expr *many(Parser *p, ExprKind kind, Span span, Exprs list);
static Expr *refer(Parser *p, Ref ref);
static Expr *call(Parser *p, Expr *callee, CallTail tail);
static Item *declare(Parser *p, ItemKind kind, Span span, Path path, TypeExpr *type, Expr *value);
static BlockExpr *block_of(Parser *p, Span span, Items items);
}
%initial-action { @$ = (Span){p->source, 0, 0}; }

%token END 0 "the end of the file"
%token <const char *> NAME "a name" NUMBER "a number" STRING "a text"
%token SEP "the end of the line"
%token IMPORT "import" AS "as" DIM "dim" IN "in" HYPER "hyper" FN "fn" LAYER "layer" MODEL "model"
%token TRAIN "train" PARAM "param" STATE "state" FROM "from" WHERE "where"
%token IF "if" THEN "then" ELSE "else" AND "and" OR "or" NOT "not"
%token ARROW "->" PIPE "|>" EQ "==" NE "!=" LE "<=" GE ">=" DOTDOT ".." PACK "..." ANY ".*" PRIME "'"
%token BAD "unknown character" OPEN_STRING "open text"

%nterm <Decl *> decl definition
%nterm <Binders> names binders
%nterm <LabelTexts> strings
%nterm <Bounds> range0
%nterm <Wheres> wheres
%nterm <TypeExpr *> result type
%nterm <Signature> signature
%nterm <Inputs> inputs inputs0
%nterm <Input> input
%nterm <Options> options
%nterm <Option> option
%nterm <Expr *> default bound
%nterm <AxisList> shape axes
%nterm <Exprs> place expr_list exprs2 stages
%nterm <Fields> fields
%nterm <Field> field
%nterm <AxisExpr> axis
%nterm <BlockExpr *> body block calls_block orders
%nterm <Items> items order_list
%nterm <Item *> item order declared instance
%nterm <const char *> note
%nterm <LabelText> from0
%nterm <Targets> targets
%nterm <Target> target
%nterm <Ref> ref
%nterm <Path> path
%nterm <Expr *> expr pipe stage callable pattern either both denial comparison sum product unary power postfix primary
%nterm <PatternLists> lists
%nterm <PatternList> list
%nterm <OpCode> compare
%nterm <CallTail> call
%nterm <Args> args
%nterm <Arg> arg

%%
// Where lines may be empty before a first item, that item stands in the same state: so its fault is its own.
file: %empty | seps | decls seps0 | seps decls seps0 ;
decls: decl { PUSH(p->file->decls, $decl); }
     | decls seps decl { PUSH(p->file->decls, $decl); }
     ;
seps0: %empty | seps ;
seps: sep | seps sep ;
sep: SEP { yyerrok; } | ';' { yyerrok; } ;

decl: definition { $$ = $1; $$->span = @$; }
    | error { $$ = decl_new(A, DECL_ERROR, @$); $$->names = broken_names(p, @$); p->file->broken = true; }
    ;
definition:
      IMPORT STRING { $$ = decl_new(A, DECL_IMPORT, @$); $$->text = $2; }
    | IMPORT STRING AS NAME { $$ = decl_new(A, DECL_IMPORT, @$); $$->text = $2; $$->as = $4; }
    | DIM names range0 wheres
      { $$ = decl_new(A, DECL_DIM, @$); $$->binders = $2; $$->low = $3.low; $$->high = $3.high; $$->wheres = $4; }
    | DIM names '=' strings wheres
      { $$ = decl_new(A, DECL_DIM, @$); $$->binders = $2; $$->labels = $4; $$->wheres = $5; }
    | HYPER NAME '=' expr wheres
      { $$ = decl_new(A, DECL_HYPER, @$); $$->path = path_new(A, $2, @2); $$->value = $4; $$->wheres = $5; }
    | FN NAME binders signature result wheres body
      {
        $$ = decl_new(A, DECL_FN, @$); $$->path = path_new(A, $2, @2); $$->binders = $3; $$->inputs = $4.inputs;
        $$->options = $4.options; $$->result = $5; $$->wheres = $6; $$->body = $7; $$->head = span_join(@1, @5);
      }
    | LAYER NAME binders signature result wheres body
      {
        $$ = decl_new(A, DECL_LAYER, @$); $$->path = path_new(A, $2, @2); $$->binders = $3; $$->inputs = $4.inputs;
        $$->options = $4.options; $$->result = $5; $$->wheres = $6; $$->body = $7; $$->head = span_join(@1, @5);
      }
    | instance
      { $$ = decl_new(A, DECL_INSTANCE, @$); $$->path = $1->path; $$->value = $1->value; $$->from = $1->from; }
    | MODEL path signature result wheres body
      {
        $$ = decl_new(A, DECL_MODEL, @$); $$->path = $2; $$->inputs = $3.inputs; $$->options = $3.options;
        $$->result = $4; $$->wheres = $5; $$->body = $6; $$->head = span_join(@1, @4);
      }
    | TRAIN path signature result wheres orders
      {
        $$ = decl_new(A, DECL_TRAIN, @$); $$->path = $2; $$->inputs = $3.inputs; $$->options = $3.options;
        $$->result = $4; $$->wheres = $5; $$->body = $6; $$->head = span_join(@1, @4);
      }
    | NAME STRING
      { $$ = decl_new(A, DECL_SETTING, @$); $$->path = path_new(A, $1, @1); $$->text = $2; }
    ;

names: NAME { $$ = (Binders){0}; PUSH($$, ((Binder){@1, $1})); }
     | names ',' NAME { $$ = $1; PUSH($$, ((Binder){@3, $3})); }
     ;
strings: STRING { $$ = (LabelTexts){0}; PUSH($$, ((LabelText){@1, $1})); }
       | strings ',' STRING { $$ = $1; PUSH($$, ((LabelText){@3, $3})); }
       ;
range0: %empty { $$ = (Bounds){0}; } | IN sum DOTDOT sum { $$ = (Bounds){$2, $4}; } ;
binders: %empty { $$ = (Binders){0}; } | '[' names ']' { $$ = $2; } ;
wheres: %empty { $$ = (Wheres){0}; }
      | wheres WHERE expr ':' STRING { $$ = $1; PUSH($$, ((Where){span_join(@2, @5), $3, $5, @5})); }
      ;
result: %empty { $$ = NULL; } | ARROW type { $$ = $2; } ;

signature: '(' inputs0 ')' { $$ = (Signature){.inputs = $2, .span = @$}; }
         | '(' inputs0 ';' options ')' { $$ = (Signature){$2, $4, @$}; }
         ;
inputs0: %empty { $$ = (Inputs){0}; } | inputs { $$ = $1; } ;
inputs: input { $$ = (Inputs){0}; PUSH($$, $1); }
      | inputs ',' input { $$ = $1; PUSH($$, $3); }
      ;
input: ref ':' type { $$ = (Input){@$, $1, $3}; } | ref { $$ = (Input){@$, $1, NULL}; } ;
options: option { $$ = (Options){0}; PUSH($$, $1); }
       | options ',' option { $$ = $1; PUSH($$, $3); }
       ;
option: NAME default { $$ = (Option){.span = @$, .name_span = @1, .name = $1, .value = $2}; }
      | NAME ':' type default { $$ = (Option){.span = @$, .name_span = @1, .name = $1, .kind = $3, .value = $4}; }
      | NAME ':' FN default { $$ = (Option){.span = @$, .name_span = @1, .name = $1, .is_fn = true, .value = $4}; }
      ;
default: %empty { $$ = NULL; } | '=' expr { $$ = $2; } ;

type: NAME bound shape place
      {
        $$ = NEW(A, TypeExpr); $$->span = @$; $$->name = $1; $$->range = $2; $$->axes = $3; $$->place = $4;
        $$->shaped = @3.hi > @3.lo;
        if ($$->span.hi < @1.hi) $$->span = @1;
      }
    | '(' fields ')' { $$ = NEW(A, TypeExpr); $$->span = @$; $$->fields = $2; }
    ;
bound: %empty { $$ = NULL; } | '<' sum '>' { $$ = $2; } ;
shape: %empty { $$ = (AxisList){0}; } | '[' ']' { $$ = (AxisList){0}; } | '[' axes ']' { $$ = $2; } ;
place: %empty { $$ = (Exprs){0}; } | '@' '(' expr_list ')' { $$ = $3; } ;
fields: field { $$ = (Fields){0}; PUSH($$, $1); }
      | fields ',' field { $$ = $1; PUSH($$, $3); }
      ;
field: type { $$ = (Field){@$, NULL, $1}; } | ref ':' type { $$ = (Field){@$, $1.path.text, $3}; } ;
axes: axis { $$ = (AxisList){0}; PUSH($$, $1); }
    | axes ',' axis { $$ = $1; PUSH($$, $3); }
    ;
axis: sum { $$ = (AxisExpr){@$, NULL, $1}; } | NAME '=' sum { $$ = (AxisExpr){@$, $1, $3}; } ;

body: '=' expr
      {
        Item *only = item_new(A, ITEM_RESULT, @2);
        only->value = $2;
        Items items = {0};
        PUSH(items, only);
        $$ = block_of(p, @$, items);
      }
    | block { $$ = $1; }
    ;
block: '{' seps0 '}' { $$ = block_of(p, @$, (Items){0}); }
     | '{' items seps0 '}' { $$ = block_of(p, @$, $2); }
     | '{' seps items seps0 '}' { $$ = block_of(p, @$, $3); }
     ;
items: item { $$ = (Items){0}; PUSH($$, $1); }
     | items seps item { $$ = $1; PUSH($$, $3); }
     ;
item: declared note { $$ = $1; $$->note = $2; }
    | targets '=' expr note
      { $$ = item_new(A, ITEM_BIND, span_join(@1, @3)); $$->targets = $1; $$->value = $3; $$->note = $4; }
    | expr { $$ = item_new(A, ITEM_RESULT, @1); $$->value = $1; }
    | error { $$ = item_new(A, ITEM_ERROR, @$); $$->names = broken_names(p, @$); p->file->broken = true; }
    ;
orders: '{' seps0 '}' { $$ = block_of(p, @$, (Items){0}); }
      | '{' order_list seps0 '}' { $$ = block_of(p, @$, $2); }
      | '{' seps order_list seps0 '}' { $$ = block_of(p, @$, $3); }
      ;
order_list: order { $$ = (Items){0}; PUSH($$, $1); }
          | order_list seps order { $$ = $1; PUSH($$, $3); }
          ;
order: declared note { $$ = $1; $$->note = $2; }
     | targets '=' expr note
       { $$ = item_new(A, ITEM_BIND, span_join(@1, @3)); $$->targets = $1; $$->value = $3; $$->note = $4; }
     | NAME expr
       { $$ = item_new(A, ITEM_SETTING, @$); $$->path = path_new(A, $1, @1); $$->value = $2; }
     | error { $$ = item_new(A, ITEM_ERROR, @$); $$->names = broken_names(p, @$); p->file->broken = true; }
     ;
note: %empty { $$ = NULL; } | ':' STRING { $$ = $2; } ;
declared: PARAM path ':' type '=' expr { $$ = declare(p, ITEM_PARAM, @$, $2, $4, $6); }
        | STATE path ':' type '=' expr { $$ = declare(p, ITEM_STATE, @$, $2, $4, $6); }
        | instance { $$ = $1; }
        ;
instance: LAYER path '=' expr from0
          { $$ = declare(p, ITEM_INSTANCE, span_join(@1, @4), $2, NULL, $4); $$->from = $5; }
        ;
from0: %empty { $$ = (LabelText){0}; } | FROM STRING { $$ = (LabelText){@2, $2}; } ;
targets: target { $$ = (Targets){0}; PUSH($$, $1); }
       | targets ',' target { $$ = $1; PUSH($$, $3); }
       ;
target: ref { $$ = (Target){$1, NULL, @$}; } | ref ':' type { $$ = (Target){$1, $3, @$}; } ;

ref: path { $$ = (Ref){@$, $1, false}; } | path PRIME { $$ = (Ref){@$, $1, true}; } ;
path: NAME { $$ = path_new(A, $1, @1); }
    | path '.' NAME { $$ = longer(p, $1, $3, @$); }
    | path '.' NUMBER { $$ = longer(p, $1, $3, @$); }
    | path ANY { $$ = longer(p, $1, "*", @$); }
    ;

expr: pipe { $$ = $1; }
    | IF expr THEN expr ELSE expr
      {
        $$ = expr_new(A, EX_IF, @$); $$->a = $2; $$->b = $4; $$->c = $6;
        $$ = bounded(p, $$);
      }
    ;
pipe: either { $$ = $1; }
    | either stages
      {
        $$ = expr_new(A, EX_PIPE, @$);
        PUSH($$->list, $1);
        for (int i = 0; i < $2.n; i++) PUSH($$->list, $2.at[i]);
        $$ = bounded(p, $$);
      }
    ;
stages: PIPE stage { $$ = (Exprs){0}; PUSH($$, $2); }
      | stages PIPE stage { $$ = $1; PUSH($$, $3); }
      ;
stage: callable { $$ = $1; } | pattern { $$ = $1; } ;
callable: ref { $$ = refer(p, $1); }
        | callable call { $$ = call(p, $1, $2); }
        | '(' expr ')' { $$ = $2; $$->paren = true; }
        ;
pattern: lists ARROW list { $$ = expr_new(A, EX_PATTERN, @$); $$->from = $1; $$->to = $3; } ;
lists: list { $$ = (PatternLists){0}; PUSH($$, $1); }
     | lists ',' list { $$ = $1; PUSH($$, $3); }
     ;
list: '[' ']' { $$ = (PatternList){.span = @$}; } | '[' axes ']' { $$ = (PatternList){@$, $2}; } ;

either: both { $$ = $1; } | either OR both { $$ = BIN(OP_OR, $1, @2, $3); } ;
both: denial { $$ = $1; } | both AND denial { $$ = BIN(OP_AND, $1, @2, $3); } ;
denial: comparison { $$ = $1; } | NOT denial { $$ = bounded(p, expr_unary(A, OP_NOT, @1, $2)); } ;
comparison: sum { $$ = $1; } | sum compare sum { $$ = BIN($2, $1, @2, $3); } ;
compare: EQ { $$ = OP_EQ; } | NE { $$ = OP_NE; } | '<' { $$ = OP_LT; } | '>' { $$ = OP_GT; }
       | LE { $$ = OP_LE; } | GE { $$ = OP_GE; }
       ;
sum: product { $$ = $1; }
   | sum '+' product { $$ = BIN(OP_ADD, $1, @2, $3); }
   | sum '-' product { $$ = BIN(OP_SUB, $1, @2, $3); }
   ;
product: unary { $$ = $1; }
       | product '*' unary { $$ = BIN(OP_MUL, $1, @2, $3); }
       | product '/' unary { $$ = BIN(OP_DIV, $1, @2, $3); }
       | product '%' unary { $$ = BIN(OP_MOD, $1, @2, $3); }
       | product '@' unary { $$ = BIN(OP_CONTRACT, $1, @2, $3); }
       ;
unary: power { $$ = $1; } | '-' unary { $$ = bounded(p, expr_unary(A, OP_NEG, @1, $2)); } ;
power: postfix { $$ = $1; } | postfix '^' unary { $$ = BIN(OP_POW, $1, @2, $3); } ;
postfix: primary { $$ = $1; } | postfix call { $$ = call(p, $1, $2); } ;
call: '(' ')' calls_block { $$ = (CallTail){.block = $3, .span = @$}; }
    | '(' args ')' calls_block { $$ = (CallTail){$2, $4, @$}; }
    ;
calls_block: %empty { $$ = NULL; } | block { $$ = $1; } ;
args: arg { $$ = (Args){0}; PUSH($$, $1); }
    | args ',' arg { $$ = $1; PUSH($$, $3); }
    ;
arg: expr { $$ = (Arg){.span = @$, .value = $1}; }
   | NAME '=' expr { $$ = (Arg){@$, @1, $1, $3, NULL}; }
   | NAME IN sum DOTDOT sum { $$ = (Arg){@$, @1, $1, $3, $5}; }
   ;
primary: NUMBER { $$ = leaf(p, EX_NUMBER, @$, $1); }
       | STRING { $$ = leaf(p, EX_TEXT, @$, $1); }
       | PACK { $$ = leaf(p, EX_PACK, @$, NULL); }
       | ref { $$ = refer(p, $1); }
       | '(' expr ')' { $$ = $2; $$->paren = true; $$->span = @$; }
       | '(' exprs2 ')' { $$ = many(p, EX_TUPLE, @$, $2); }
       | '[' expr_list ']' { $$ = many(p, EX_VECTOR, @$, $2); }
       ;
exprs2: expr ',' expr { $$ = (Exprs){0}; PUSH($$, $1); PUSH($$, $3); }
      | exprs2 ',' expr { $$ = $1; PUSH($$, $3); }
      ;
expr_list: expr { $$ = (Exprs){0}; PUSH($$, $1); }
         | expr_list ',' expr { $$ = $1; PUSH($$, $3); }
         ;
%%

static Expr *leaf(Parser *p, ExprKind kind, Span span, const char *text)
{
    Expr *e = expr_new(A, kind, span);
    e->text = text;
    return e;
}

static Expr *many(Parser *p, ExprKind kind, Span span, Exprs list)
{
    Expr *e = expr_new(A, kind, span);
    e->list = list;
    return bounded(p, e);
}

static Expr *refer(Parser *p, Ref ref)
{
    Expr *e = expr_new(A, EX_REF, ref.span);
    e->ref = ref;
    e->text = ref.path.text;
    return e;
}

static Expr *call(Parser *p, Expr *callee, CallTail tail)
{
    Expr *e = expr_new(A, EX_CALL, span_join(callee->span, tail.span));
    e->a = callee;
    e->args = tail.args;
    e->block = tail.block;
    return bounded(p, e);
}

static Item *declare(Parser *p, ItemKind kind, Span span, Path path, TypeExpr *type, Expr *value)
{
    Item *it = item_new(A, kind, span);
    it->path = path;
    it->type = type;
    it->value = value;
    return it;
}

static BlockExpr *block_of(Parser *p, Span span, Items items)
{
    BlockExpr *b = NEW(A, BlockExpr);
    b->span = span;
    b->items = items;
    for (int i = 0; i < items.n; i++) b->broken |= items.at[i]->kind == ITEM_ERROR;
    return b;
}

static const char *without_underscores(Arena *a, const char *s, size_t n)
{
    char *out = str_copy_n(a, s, n), *to = out;
    for (const char *from = out; *from; from++)
        if (*from != '_') *to++ = *from;
    *to = 0;
    return out;
}

static int nnlex(NNSTYPE *value, Span *span, Parser *p)
{
    if (p->skip_to) { /* one end of line, then the next definition */
        p->next = p->skip_to;
        p->skip_to = 0;
        uint32_t lo = p->tokens.at[p->next].lo;
        *span = (Span){p->source, lo, lo};
        return T_SEP;
    }
    Token t = p->tokens.at[p->next];
    if (t.kind) p->next++;
    const char *text = p->source->text + t.lo;
    *span = (Span){p->source, t.lo, t.hi};
    if (t.kind == T_NAME) value->T_NAME = str_copy_n(A, text, t.hi - t.lo);
    if (t.kind == T_NUMBER) value->T_NUMBER = without_underscores(A, text, t.hi - t.lo);
    if (t.kind == T_STRING) value->T_STRING = text_unquote(A, text, t.hi - t.lo);
    return t.kind;
}

/* Only an exhausted parser stack comes here; faults of syntax go the way below. */
static void nnerror(Span *span, Parser *p, const char *message)
{
    (void)message;
    p->file->broken = true;
    Diag *d = diag_error(p->cx->diags, "E0104", *span, "this is nested too deeply to be read");
    diag_help(d, "name parts of it, in bindings of their own");
}

static int yyreport_syntax_error(const yypcontext_t *at, Parser *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(at, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++) names[i] = yysymbol_name(kinds[i]);
    p->file->broken = true;
    syntax_error(p, *yypcontext_location(at), names, n);
    return 0;
}

static File *parse_tokens(Cx *cx, const Source *source, bool by_indent)
{
    Parser p = {.cx = cx, .arena = cx->arena, .source = source};
    p.file = NEW(cx->arena, File);
    p.file->source = source;
    int errors = cx->diags->errors;
    p.tokens = tokens_read(cx, source, by_indent);
    nnparse(&p);
    p.file->broken |= cx->diags->errors > errors;
    return p.file;
}

/* A text with faults is read once more: the second time its lines tell where an open bracket should have ended. */
File *file_parse(Cx *cx, const Source *source)
{
    if (source->size > MOST_TEXT) {
        diag_error(cx->diags, "E0104", (Span){source, 0, 0}, "this text is too large: more than %d bytes", MOST_TEXT);
        File *none = NEW(cx->arena, File);
        *none = (File){.source = source, .broken = true};
        return none;
    }
    Diags first = {.arena = cx->arena}, second = first;
    File *file = parse_tokens(&(Cx){cx->arena, &first}, source, false);
    File *again = first.errors ? parse_tokens(&(Cx){cx->arena, &second}, source, true) : file;
    bool better = second.errors > 0;
    diags_move(cx->diags, better ? &second : &first);
    return better ? again : file;
}
