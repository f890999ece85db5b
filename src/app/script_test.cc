#include "app/script.h"

#include <gtest/gtest.h>

namespace ticklake::app {
namespace {

std::string refusal(const std::string& text) {
  auto script = parse_script(text, "a.test");
  return script ? "read" : script.error().message;
}

TEST(Script, DirectivesHaveArgumentsOptionsAndIndentedBlocks) {
  auto script = parse_script(
      "# What it proves.\n\nset a=b c\nproduce ticks partition=2 key=K escaped\n"
      "    {\"a\":1}\n\n      deeper\n\n# a comment\nrun full refresh t\nquery\n  SELECT 1\n  "
      "----\n  1\n",
      "a.test");
  ASSERT_TRUE(script) << script.error().message;
  ASSERT_EQ(script->steps.size(), 4U);
  const auto& set = script->steps[0];
  EXPECT_EQ(set.kind, ScriptStep::Kind::Set);
  EXPECT_EQ(set.argument, "a=b c");
  const auto& produce = script->steps[1];
  EXPECT_EQ(produce.argument, "ticks");
  EXPECT_EQ(produce.options.at("partition"), "2");
  EXPECT_EQ(produce.options.at("key"), "K");
  EXPECT_TRUE(produce.options.contains("escaped"));
  EXPECT_EQ(produce.block, (std::vector<std::string>{"{\"a\":1}", "", "  deeper"}));
  EXPECT_EQ(produce.line, 4);
  EXPECT_EQ(produce.block_line, 5);
  EXPECT_EQ(script->steps[2].kind, ScriptStep::Kind::FullRefresh);
  EXPECT_EQ(script->steps[2].argument, "t");
  auto block = cut_block(script->steps[3]);
  EXPECT_TRUE(block.is_cut);
  EXPECT_EQ(block.query, (std::vector<std::string>{"SELECT 1"}));
  EXPECT_EQ(block.expected, (std::vector<std::string>{"1"}));
  EXPECT_EQ(block.expected_line, 14);
}

TEST(Script, MistakesAreNamedWithTheirLineAndWhatToDo) {
  EXPECT_EQ(refusal("run\ntabl t\n"), "a.test:2: tabl t: no such directive; did you mean table?");
  EXPECT_EQ(refusal("  x\n"),
            "a.test:1: an indented line belongs to a directive above it, and here is none");
  EXPECT_EQ(refusal("run\n  x\n"), "a.test:2: run takes no block");
  EXPECT_EQ(refusal("produce t\nrun\n"),
            "a.test:1: produce needs a block: indented lines below it");
  EXPECT_EQ(refusal("topic\n"), "a.test:1: it is written: topic NAME [partitions=..]");
  EXPECT_EQ(refusal("topic t partition=1\n"),
            "a.test:1: what is partition=1? It is written: topic NAME [partitions=..]");
  EXPECT_EQ(refusal("run fast\n"), "a.test:1: what is fast? It is written: run");
  EXPECT_EQ(refusal("query\n    SELECT 1\n  ----\n"),
            "a.test:3: this line is indented less than the first of its block");
  EXPECT_EQ(refusal("run\n"),
            "a.test:2: this test expects nothing; end it with a directive table or query");
  EXPECT_EQ(refusal("run\xff"),
            "a.test:1: the file is not UTF-8; write a byte as \\xNN behind 'escaped'");
}

TEST(Script, EscapedBytes) {
  EXPECT_EQ(unescaped("a\\x00\\xfFb\\xg1\\x1"), std::string("a\0\xff", 3) + "b\\xg1\\x1");
}

}  // namespace
}  // namespace ticklake::app
