#include "app/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace ticklake::app {
namespace {

using Kind = ScriptStep::Kind;

enum class Block : uint8_t { None, Optional, Needed };

struct Form {
  Kind kind;
  std::string words;     // that the directive begins with
  std::string argument;  // what must follow, for messages; "": nothing may
  std::set<std::string> options;
  Block block;
};

// Longer words before shorter ones.
const std::vector<Form>& forms() {
  static const std::vector<Form> all = {
      {Kind::Set, "set", "KEY=VALUE", {}, Block::None},
      {Kind::Now, "now", "TIME", {}, Block::None},
      {Kind::Wait, "wait", "INTERVAL", {}, Block::None},
      {Kind::Topic, "topic", "NAME", {"partitions"}, Block::None},
      {Kind::Produce, "produce", "TOPIC", {"partition", "key", "at", "escaped"}, Block::Needed},
      {Kind::File, "file", "PATH", {"escaped"}, Block::Optional},
      {Kind::Given, "given", "TABLE", {}, Block::Optional},
      {Kind::FullRefresh, "run full refresh", "TABLE", {}, Block::None},
      {Kind::RunFails, "run fails", "", {}, Block::Needed},
      {Kind::Run, "run", "", {}, Block::None},
      {Kind::Table, "table", "NAME", {}, Block::Optional},
      {Kind::Flow, "flow", "NAME", {}, Block::Optional},
      {Kind::QueryFails, "query fails", "", {}, Block::Needed},
      {Kind::Query, "query", "", {}, Block::Needed}};
  return all;
}

// These take the rest of their line as it is, blanks and all.
bool takes_the_rest(Kind kind) {
  return kind == Kind::Set || kind == Kind::Now || kind == Kind::Wait;
}

bool is_blank(std::string_view line) { return trimmed(line).empty(); }
bool is_indented(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

const Form* form_of(std::string_view line) {
  auto found = std::ranges::find_if(forms(), [&](const Form& form) {
    bool begins = line.starts_with(form.words);
    return begins && (line.size() == form.words.size() || line[form.words.size()] == ' ');
  });
  return found == forms().end() ? nullptr : &*found;
}

std::string usage(const Form& form) {
  std::string text = form.words;
  if (!form.argument.empty()) text += " " + form.argument;
  for (const auto& option : form.options) {
    text += option == "escaped" ? " [escaped]" : fmt::format(" [{}=..]", option);
  }
  return text;
}

std::string unknown_directive(std::string_view line) {
  std::set<std::string> words;
  for (const auto& form : forms()) words.insert(form.words.substr(0, form.words.find(' ')));
  std::vector<std::string> names(words.begin(), words.end());
  std::string word(line.substr(0, line.find(' ')));
  std::string near = nearest(word, names);
  return fmt::format("{}: no such directive; {}", printable(line, 60),
                     near.empty()
                         ? "there are " + joined(names, ", ") + " (lines of a block are indented)"
                         : "did you mean " + near + "?");
}

// The argument and the options behind the form's words; what is wrong, or "".
std::string read_rest(const Form& form, std::string_view rest, ScriptStep& step) {
  if (takes_the_rest(form.kind)) {
    step.argument = std::string(rest);
  } else {
    for (const auto& word : split(rest, ' ')) {
      if (word.empty()) continue;
      size_t equals = word.find('=');
      std::string name = word.substr(0, equals);
      bool is_option = !step.argument.empty() && form.options.contains(name) &&
                       (equals == std::string::npos) == (name == "escaped");
      if (is_option) {
        step.options[name] = equals == std::string::npos ? "" : word.substr(equals + 1);
      } else if (step.argument.empty() && !form.argument.empty()) {
        step.argument = word;
      } else {
        return fmt::format("what is {}? It is written: {}", printable(word), usage(form));
      }
    }
  }
  if (step.argument.empty() != form.argument.empty()) {
    return fmt::format("it is written: {}", usage(form));
  }
  return "";
}

class Reader {
 public:
  Reader(const std::string& text, const std::string& file) {
    script_.file = file;
    script_.lines = split(text, '\n');
    for (auto& line : script_.lines) {
      if (line.ends_with('\r')) line.pop_back();
    }
  }

  Result<Script> read() {
    while (at_ < script_.lines.size()) {
      const std::string& line = script_.lines[at_++];
      if (is_blank(line) || line.starts_with('#')) continue;
      if (is_indented(line)) {
        return problem("an indented line belongs to a directive above it, and here is none");
      }
      TRY(add_step(line));
    }
    bool proves = std::ranges::any_of(
        script_.steps, [](const ScriptStep& step) { return step.kind >= Kind::RunFails; });
    if (!proves) {
      return problem("this test expects nothing; end it with a directive table or query");
    }
    return std::move(script_);
  }

 private:
  Error problem(const std::string& message) const {
    return at_line(script_.file, static_cast<int>(at_), message);
  }

  Result<void> add_step(const std::string& line) {
    const Form* form = form_of(trimmed(line));
    if (form == nullptr) return problem(unknown_directive(line));
    ScriptStep step{
        .kind = form->kind, .directive = std::string(trimmed(line)), .line = static_cast<int>(at_)};
    std::string wrong = read_rest(
        *form, trimmed(std::string_view(step.directive).substr(form->words.size())), step);
    if (!wrong.empty()) return problem(wrong);
    TRY(read_block(step));
    if (form->block == Block::None && !step.block.empty()) {
      return problem(form->words + " takes no block");
    }
    if (form->block == Block::Needed && step.block.empty()) {
      return problem(form->words + " needs a block: indented lines below it");
    }
    script_.steps.push_back(std::move(step));
    return {};
  }

  // Blank lines within it count, those behind it do not.
  Result<void> read_block(ScriptStep& step) {
    step.block_line = step.line + 1;
    size_t blanks = 0;
    for (size_t i = at_; i < script_.lines.size(); ++i) {
      const std::string& line = script_.lines[i];
      if (is_blank(line)) {
        ++blanks;
        continue;
      }
      if (!is_indented(line)) break;
      if (step.block.empty()) {
        step.indent = line.substr(0, line.find_first_not_of(" \t"));
        step.block_line = static_cast<int>(i) + 1;
      } else {
        step.block.insert(step.block.end(), blanks, "");
      }
      blanks = 0;
      at_ = i + 1;
      if (!line.starts_with(step.indent)) {
        return problem("this line is indented less than the first of its block");
      }
      step.block.push_back(line.substr(step.indent.size()));
    }
    return {};
  }

  Script script_;
  size_t at_ = 0;  // lines read
};

}  // namespace

Result<Script> parse_script(const std::string& text, const std::string& file) {
  if (!is_utf8(text)) {
    return at_line(file, 1, "the file is not UTF-8; write a byte as \\xNN behind 'escaped'");
  }
  return Reader(text, file).read();
}

CutBlock cut_block(const ScriptStep& step) {
  auto cut = std::ranges::find(step.block, "----");
  CutBlock out{.query = {step.block.begin(), cut}};
  out.is_cut = cut != step.block.end();
  if (out.is_cut) out.expected.assign(cut + 1, step.block.end());
  out.expected_line = step.block_line + static_cast<int>(out.query.size()) + 1;
  return out;
}

Error at_line(const std::string& file, int line, const std::string& message, Code code) {
  return {code, fmt::format("{}:{}: {}", file, line, message)};
}

std::string unescaped(std::string_view line) {
  auto digit = [](char c) { return std::isdigit(c) != 0 ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    bool is_escape = line.substr(i).starts_with("\\x") && i + 3 < line.size() &&
                     std::isxdigit(static_cast<unsigned char>(line[i + 2])) != 0 &&
                     std::isxdigit(static_cast<unsigned char>(line[i + 3])) != 0;
    if (!is_escape) {
      out += line[i];
      continue;
    }
    out += static_cast<char>(digit(line[i + 2]) * 16 + digit(line[i + 3]));
    i += 3;
  }
  return out;
}

}  // namespace ticklake::app
