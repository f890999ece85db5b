#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>

#include "app/app.h"
#include "app/commands.h"
#include "app/signals.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// All that the command line can say, filled in by CLI11.
struct Parsed {
  std::string output;
  InitOptions init;
  RunOptions run;
  SqlOptions sql;
  TableOptions table;
  TopicOptions topic;
  ProjectOptions project;
  IngestOptions ingest;
  TestOptions test;
  ExplainOptions explain;
  ExportOptions exported;
  QuarantineOptions quarantine;
  std::string serve;
};

using Command = std::function<Result<void>(Environment&, Parsed&, Format)>;

std::string at_least_zero(const std::string& text) {
  bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? "" : text + " is not a whole number of at least 0";
}

// The subcommands and what each does. CLI11 keeps references into `parsed`.
class CommandLine {
 public:
  CommandLine() : root_("ticklake: a streaming lakehouse in one process", "ticklake") {
    root_.require_subcommand(1);
    root_.set_version_flag("--version", "ticklake 0.1.0");
    root_.footer(
        "Start with:\n  ticklake init market\n  ticklake run --project market --once\n"
        "  ticklake sql --project market \"SELECT * FROM gold_symbols\"");
    add_project_commands();
    add_run();
    add_ingest();
    add_sql();
    add_test();
    add_explain();
    add_export();
    add_table_commands();
    add_quarantine();
    add_topic_commands();
    add_later_commands();
  }

  CLI::App& root() { return root_; }
  Parsed& parsed() { return parsed_; }
  const Command& command() const { return command_; }

 private:
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& what,
                const std::string& examples, Command command) {
    CLI::App* app = parent.add_subcommand(name, what);
    app->footer("Examples:\n" + examples);
    app->callback([this, command = std::move(command)] { command_ = command; });
    return app;
  }

  void with_output(CLI::App* app) {
    app->add_option("--output", parsed_.output,
                    "jsonl, json, csv or table (default: table on a terminal, else jsonl)")
        ->check(CLI::IsMember({"jsonl", "json", "csv", "table"}));
  }
  // Of commands that give a table's rows.
  void with_rows_output(CLI::App* app) {
    app->remove_option(app->get_option_no_throw("--output"));
    app->add_option("--output", parsed_.output,
                    "jsonl, json, csv, table or arrow, an Arrow IPC stream (default: table on a "
                    "terminal, else jsonl)")
        ->check(CLI::IsMember({"jsonl", "json", "csv", "table", "arrow"}));
  }

  static void with_project(CLI::App* app, ProjectOptions& project) {
    app->add_option("--project", project.directory, "the project's directory (default: .)");
    app->add_option("--target", project.target, "a target of databricks.yml");
    app->add_option("--set", project.settings, "KEY=VALUE over the project's configuration")
        ->check([](const std::string& text) {
          bool good = text.find('=') != std::string::npos && text[0] != '=';
          // Not the text itself: half a password may be in it.
          return good ? "" : "write it as KEY=VALUE";
        })
        ->allow_extra_args(false);
  }

  void add_project_commands() {
    auto* init =
        add(root_, "init", "Make a new project that runs as it is", "  ticklake init market",
            [](Environment& environment, Parsed& parsed, Format) {
              return init_project(environment, parsed.init);
            });
    init->add_option("directory", parsed_.init.directory, "a new directory")->required();
    init->add_option("--name", parsed_.init.name, "the project's name (default: the directory's)");
    auto* validate = add(root_, "validate", "Check a project without running it",
                         "  ticklake validate --project market",
                         [](Environment& environment, Parsed& parsed, Format format) {
                           return validate_project(environment, parsed.project, format);
                         });
    with_project(validate, parsed_.project);
    with_output(validate);
    auto* doctor = add(root_, "doctor", "Check a project's storage, broker, secrets and clock",
                       "  ticklake doctor --project market\n"
                       "  ticklake doctor --project market --target prod --output json",
                       [](Environment& environment, Parsed& parsed, Format format) {
                         bool asked = !parsed.output.empty();
                         return diagnose(environment, parsed.project,
                                         asked ? std::optional(format) : std::nullopt);
                       });
    with_project(doctor, parsed_.project);
    with_output(doctor);
  }

  void add_run() {
    auto* run = add(root_, "run", "Run a project: its sources and its flows",
                    "  ticklake run --project market --once\n"
                    "  ticklake run --project market --set kafka.bootstrap=localhost:9092\n"
                    "  ticklake run --project market --once --full-refresh gold_candles_1m\n"
                    "  ticklake run --project market --serve",
                    run_parsed);
    RunOptions& options = parsed_.run;
    with_project(run, options.project);
    run->add_flag("--once", options.once, "stop when all that is there now is in the tables");
    auto no_ingest = [&options] { options.ingest = false; };
    run->add_flag_callback("--no-ingest", no_ingest, "do not start the project's sources");
    run->add_option("--refresh", options.refresh, "not available in this version")
        ->delimiter(',')
        ->allow_extra_args(false);
    run->add_option("--full-refresh", options.full_refresh, "rebuild these tables, or all")
        ->delimiter(',')
        ->allow_extra_args(false);
    run->add_flag("--accept-loss", options.accept_loss, "not available in this version");
    auto* serve =
        run->add_option("--serve", parsed_.serve,
                        "show a live page, at 127.0.0.1:8787 or HOST:PORT of this machine");
    serve->expected(0, 1)->default_str("on")->excludes("--once");
    serve->check([](const std::string& text) {
      auto address = serving::parse_address(text == "on" ? "" : text);
      return address ? "" : address.error().message;
    });
    with_output(run);
  }

  static Result<void> run_parsed(Environment& environment, Parsed& parsed, Format format) {
    if (!parsed.serve.empty()) {
      parsed.run.serve = TRY(serving::parse_address(parsed.serve == "on" ? "" : parsed.serve));
    }
    if (!parsed.output.empty()) parsed.run.summary = format;
    return run_project(environment, parsed.run);
  }

  void add_ingest() {
    auto* ingest = add(root_, "ingest", "Run one source of a project into its topic",
                       "  ticklake ingest ticks --project market\n"
                       "  ticklake ingest daily_bars --project market --once\n"
                       "  ticklake ingest nvda_60min --project market --mode initial",
                       [](Environment& environment, Parsed& parsed, Format) {
                         return ingest_source(environment, parsed.ingest);
                       });
    IngestOptions& options = parsed_.ingest;
    ingest->add_option("name", options.source, "a file sources/<name>.yml")->required();
    ingest->add_flag("--once", options.once, "stop when what is there now was sent");
    ingest
        ->add_option("--mode", options.mode,
                     "of alpha_vantage: initial (the history first, then what is new; the default) "
                     "or live (only what is new)")
        ->check(CLI::IsMember({"initial", "live"}));
    with_project(ingest, options.project);
  }

  void add_sql() {
    auto* sql =
        add(root_, "sql", "Answer a query over the project's tables",
            "  ticklake sql --project market \"SELECT symbol, count(*) FROM silver_ticks "
            "GROUP BY symbol\"\n"
            "  ticklake sql --project market \"SELECT * FROM silver_ticks VERSION AS OF 3\"\n"
            "  ticklake sql --project market 'SELECT * FROM delta.`/data/table`'\n"
            "  ticklake sql --project market --file report.sql --output csv",
            [](Environment& environment, Parsed& parsed, Format format) {
              parsed.sql.format = format;
              return run_sql(environment, parsed.sql);
            });
    auto* query = sql->add_option("query", parsed_.sql.text, "a SELECT");
    auto* file = sql->add_option("--file", parsed_.sql.file, "read the queries from this file");
    file->excludes(query);
    sql->parse_complete_callback([this] {
      bool nothing = parsed_.sql.text.empty() && parsed_.sql.file.empty();
      if (nothing) throw CLI::RequiredError("a query, or --file FILE.sql,");
    });
    with_project(sql, parsed_.sql.project);
    with_rows_output(sql);
  }

  void add_test() {
    auto* test = add(root_, "test", "Run a project's tests, without broker or source",
                     "  ticklake test --project market\n"
                     "  ticklake test candles --project market --keep\n"
                     "  ticklake test candles --project market --update",
                     [](Environment& environment, Parsed& parsed, Format format) {
                       if (!parsed.output.empty()) parsed.test.format = format;
                       return test_project(environment, parsed.test);
                     });
    TestOptions& options = parsed_.test;
    test->add_option("filter", options.filter, "only tests with this text in their name");
    test->add_flag("--keep", options.keep, "keep the tables of a failed test, and say where");
    test->add_flag("--update", options.update, "put the rows found into the tests");
    with_project(test, options.project);
    with_output(test);
  }

  void add_explain() {
    auto* explain = add(root_, "explain", "What fills a table, how, and how far it has come",
                        "  ticklake explain gold_candles_1m --project market\n"
                        "  ticklake explain gold_candles_1m --project market --output json",
                        [](Environment& environment, Parsed& parsed, Format) {
                          parsed.explain.as_json = parsed.output == "json";
                          return explain_table(environment, parsed.explain);
                        });
    explain->add_option("table", parsed_.explain.table, "a table of the project")->required();
    with_project(explain, parsed_.explain.project);
    explain->add_option("--output", parsed_.output, "text (default) or json")
        ->check(CLI::IsMember({"text", "json"}));
  }

  void add_export() {
    auto& to = *root_.add_subcommand("export", "Write a project for another engine");
    to.require_subcommand(1);
    auto* spark = add(to, "spark", "For Apache Spark: pyspark 4.2 and delta-spark 4.4",
                      "  ticklake export spark --project market --to market-spark\n"
                      "  ticklake export spark --project market --to market-spark "
                      "--set kafka.bootstrap=localhost:9092",
                      [](Environment& environment, Parsed& parsed, Format) {
                        return export_spark(environment, parsed.exported);
                      });
    spark->add_option("--to", parsed_.exported.directory, "a new directory")->required();
    spark->add_option("--without", parsed_.exported.without, "leave these tables out")
        ->delimiter(',')
        ->allow_extra_args(false);
    with_project(spark, parsed_.exported.project);
  }

  CLI::App* add_table(CLI::App& table, const std::string& name, const std::string& what,
                      const std::string& examples,
                      Result<void> (*function)(Environment&, const TableOptions&),
                      bool names_a_table = true) {
    auto* app = add(table, name, what, examples,
                    [function](Environment& environment, Parsed& parsed, Format format) {
                      parsed.table.format = format;
                      return function(environment, parsed.table);
                    });
    if (names_a_table) {
      app->add_option("table", parsed_.table.table, "a path, or a name in the project")->required();
    }
    with_project(app, parsed_.table.project);
    with_output(app);
    return app;
  }

  void with_version(CLI::App* app) {
    auto* version = app->add_option("--version", parsed_.table.version, "as it was at this version")
                        ->check(at_least_zero);
    app->add_option("--timestamp", parsed_.table.timestamp, "as it was at this time")
        ->check([](const std::string& text) {
          return parse_timestamp(text) ? ""
                                       : text + " is not a time; write it as 2026-01-05T14:30:00Z";
        })
        ->excludes(version);
  }

  void add_table_commands() {
    auto& table =
        *root_.add_subcommand("table", "Look at Delta tables, append to them, keep them healthy");
    table.require_subcommand(1);
    table.footer(
        "Examples:\n  ticklake table list --project market --output json\n"
        "  ticklake table read market/storage/tables/market/main/silver_ticks");
    TableOptions& options = parsed_.table;
    add_table(table, "list", "The project's tables", "  ticklake table list --project market",
              list_tables, false);
    auto* read = add_table(table, "read", "All rows of a table",
                           "  ticklake table read gold_candles_1m --project market\n"
                           "  ticklake table read /data/table --version 3 --output csv\n"
                           "  ticklake table read /data/table --timestamp 2026-01-05T14:30:00Z",
                           read_table);
    with_version(read);
    with_rows_output(read);
    read->add_option("--limit", options.limit, "at most this many rows")->check(at_least_zero);
    with_version(add_table(table, "describe", "Schema, protocol and progress of a table",
                           "  ticklake table describe /data/table --output json", describe_table));
    auto* history = add_table(table, "history", "The commits of a table, newest first",
                              "  ticklake table history /data/table --limit 5", show_table_history);
    history->add_option("--limit", options.limit, "at most this many commits")
        ->check(at_least_zero);
    with_version(add_table(table, "files", "The files of a table, as its log names them",
                           "  ticklake table files /data/table --output jsonl", list_table_files));
    auto* append =
        add_table(table, "append", "Append rows to a table that is there",
                  "  ticklake table append /data/table --rows new.jsonl", append_to_table);
    append->add_option("--rows", options.rows_file, "one JSON object a row and line")->required();
    add_table(table, "checkpoint", "Write a checkpoint of the newest version",
              "  ticklake table checkpoint /data/table", checkpoint_table);
    add_maintenance_commands(table);
    auto* changes = add_table(table, "changes", "Rows that commits changed (the change data feed)",
                              "  ticklake table changes /data/table --from 3\n"
                              "  ticklake table changes /data/table --from 3 --to 5 --output jsonl",
                              show_table_changes);
    changes->add_option("--from", options.from, "the first version")->required();
    changes->add_option("--to", options.to, "the last version; else the newest");
  }

  void add_quarantine() {
    auto& quarantine = *root_.add_subcommand("quarantine", "Rows that tables could not take");
    quarantine.require_subcommand(1);
    auto* replay =
        add(quarantine, "replay",
            "Put the rows of a quarantine through the query of their table, as it is now; those "
            "that pass are added to the table, the others stay with their new reason",
            "  ticklake quarantine replay silver_ticks --project market\n"
            "  ticklake quarantine replay silver_ticks --project market "
            "--where \"reason LIKE 'price%'\"",
            [](Environment& environment, Parsed& parsed, Format format) {
              parsed.quarantine.format = format;
              return replay_quarantine(environment, parsed.quarantine);
            });
    QuarantineOptions& options = parsed_.quarantine;
    replay->add_option("table", options.table, "a table, or its quarantine")->required();
    replay->add_option("--where", options.where,
                       "which rows: a condition over the quarantine's columns (default: all)");
    replay->add_option("--flow", options.flow, "whose query, where several flows fill the table");
    with_project(replay, options.project);
    with_output(replay);
  }

  void add_maintenance_commands(CLI::App& table) {
    TableOptions& options = parsed_.table;
    add_table(table, "optimize", "Merge small files; no row changes",
              "  ticklake table optimize /data/table --output json", optimize_table);
    auto* vacuum =
        add_table(table, "vacuum", "Remove files that no version within the retention needs",
                  "  ticklake table vacuum /data/table --dry-run\n"
                  "  ticklake table vacuum /data/table --retention '1 day' --force",
                  vacuum_table);
    vacuum->add_option("--retention", options.retention,
                       "such as '14 days'; else delta.deletedFileRetentionDuration (7 days)");
    vacuum->add_flag("--dry-run", options.dry_run, "only say what would go");
    vacuum->add_flag("--force", options.force,
                     "allow a retention below the table's own: no one may be writing to it, or "
                     "reading earlier versions");
    with_version(add_table(table, "restore", "Make an earlier version the newest one",
                           "  ticklake table restore /data/table --version 3\n"
                           "  ticklake table restore /data/table --timestamp 2026-01-05T14:30:00Z",
                           restore_table));
    auto* fsck = add_table(table, "fsck", "Look whether the table's files are there",
                           "  ticklake table fsck /data/table\n"
                           "  ticklake table fsck /data/table --repair",
                           check_table);
    fsck->add_flag("--repair", options.repair,
                   "drop the missing files from the table: their rows "
                   "are lost, the rest can be read again");
  }

  CLI::App* add_topic(CLI::App& topic, const std::string& name, const std::string& what,
                      const std::string& examples,
                      Result<void> (*function)(Environment&, const TopicOptions&),
                      bool names_a_topic = true) {
    TopicOptions& options = parsed_.topic;
    auto* app = add(topic, name, what, examples,
                    [function](Environment& environment, Parsed& parsed, Format format) {
                      parsed.topic.format = format;
                      return function(environment, parsed.topic);
                    });
    if (names_a_topic) app->add_option("topic", options.topic, "its name")->required();
    with_project(app, options.project);
    app->add_option("--bootstrap", options.bootstrap,
                    "embedded, or host:port of a Kafka broker (default: the project's); its login "
                    "by --set kafka.profile=.. and others of docs/kafka.md");
    app->add_option("--directory", options.directory,
                    "where the embedded log is (default: the project's)");
    with_output(app);
    return app;
  }

  void add_topic_commands() {
    auto& topic = *root_.add_subcommand("topic", "Make, fill and look at topics");
    topic.require_subcommand(1);
    topic.footer(
        "Examples:\n  ticklake topic list --project market\n"
        "  ticklake topic tail ticks --bootstrap localhost:9092 --follow");
    TopicOptions& options = parsed_.topic;
    add_topic(topic, "list", "The topics of a broker", "  ticklake topic list --project market",
              list_topics, false);
    add_topic(topic, "describe", "Partitions and offsets of a topic",
              "  ticklake topic describe ticks --project market", describe_topic);
    auto* create = add_topic(topic, "create", "Make a topic",
                             "  ticklake topic create ticks --partitions 4 --project market\n"
                             "  ticklake topic create ticks --bootstrap localhost:9092 "
                             "--config retention.ms=3600000",
                             create_topic);
    create->add_option("--partitions", options.partitions, "how many (default: 4)")
        ->check(CLI::Range(1, 100'000));
    create->add_option("--config", options.config, "KEY=VALUE, a setting of the topic")
        ->allow_extra_args(false);
    auto* remove = add_topic(topic, "delete", "Delete a topic and its records",
                             "  ticklake topic delete ticks --project market --yes", delete_topic);
    remove->add_flag("--yes", options.yes, "really: the topic and all its records will be gone");
    remove->parse_complete_callback([&options] {
      if (!options.yes) throw CLI::RequiredError("--yes (all records of the topic will be gone)");
    });
    add_produce(topic);
    add_tail(topic);
  }

  static void add_form(CLI::App& app, TopicOptions& options, const std::string& what) {
    app.add_option("--format", options.records_as, what)
        ->check(CLI::IsMember({"json", "avro", "json_schema"}));
  }

  void add_produce(CLI::App& topic) {
    TopicOptions& options = parsed_.topic;
    auto* produce = add_topic(topic, "produce", "Send the lines of standard input or of a file",
                              "  ticklake topic produce ticks --project market < ticks.jsonl\n"
                              "  ticklake topic produce ticks --bootstrap localhost:9092 --file "
                              "keyed.txt --key-separator :",
                              produce_records);
    produce->add_option("--file", options.file, "read from here; a line is a record");
    auto* key = produce->add_option("--key", options.key, "the key of all records");
    produce
        ->add_option("--key-separator", options.key_separator,
                     "what stands before its first place in a line is the key")
        ->excludes(key);
    add_form(*produce, options,
             "what the records are: json, as the lines are (default), or avro or json_schema, "
             "framed by the newest schema of --subject");
    produce->add_option("--subject", options.subject,
                        "of the schema registry (default: TOPIC-value)");
    produce->add_option("--partition", options.partition, "send to this one (default: by the key)")
        ->check(at_least_zero);
  }

  void add_tail(CLI::App& topic) {
    TopicOptions& options = parsed_.topic;
    auto* tail = add_topic(topic, "tail", "Show records, and those that come",
                           "  ticklake topic tail ticks --project market\n"
                           "  ticklake topic tail ticks --project market --from earliest --follow",
                           tail_topic);
    auto* from =
        tail->add_option("--from", options.from,
                         "earliest, latest, an offset or a time (default: the last --records)");
    from->check([](const std::string& text) {
      bool known = text == "earliest" || text == "latest" || at_least_zero(text).empty() ||
                   parse_timestamp(text);
      return known ? ""
                   : text +
                         " is none of earliest, latest, an offset, or a time such as "
                         "2026-01-05T14:30:00Z";
    });
    add_form(*tail, options,
             "show framed values as JSON: avro or json_schema, each by its own schema");
    tail->add_option("--group", options.group,
                     "begin where this consumer group stands, and leave it where reading ends")
        ->excludes(from);
    tail->add_option("--records", options.records, "how many of each partition (default: 10)")
        ->check(at_least_zero);
    tail->add_option("--partition", options.partition, "only this one")->check(at_least_zero);
    tail->add_flag("--follow", options.follow, "go on until Ctrl-C; for a table JSON lines come");
  }

  void add_later(CLI::App& parent, const std::string& name, const std::string& full_name) {
    auto* app = add(parent, name, "Not available in this version", "  none yet",
                    [full_name](Environment&, Parsed&, Format) -> Result<void> {
                      return Error{Code::Unsupported,
                                   "ticklake " + full_name + " is not available in this version"};
                    });
    app->allow_extras();
  }

  void add_later_commands() {
    for (const auto* name : {"serve", "bundle"}) {
      add_later(root_, name, name);
    }
  }

  CLI::App root_;
  Parsed parsed_;
  Command command_;
};

// CLI11 says of a misspelt command only that one is missing.
std::optional<std::string> unknown_command(const CLI::App& root, int argc, char** argv) {
  const CLI::App* app = &root;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    std::vector<std::string> names;
    for (const auto* command : app->get_subcommands({})) names.push_back(command->get_name());
    if (names.empty()) return {};
    auto found = std::find(names.begin(), names.end(), argv[i]);
    if (found == names.end()) {
      std::string near = nearest(argv[i], names);
      return fmt::format("no command {}; {}", printable(argv[i]),
                         near.empty() ? "see ticklake --help" : "did you mean " + near + "?");
    }
    app = app->get_subcommand(argv[i]);
  }
  return {};
}

int report(Environment& environment, const Result<void>& result) {
  if (result) return 0;
  std::fflush(environment.out);
  fmt::print(environment.err, "ticklake: {}\n", environment.secrets.masked(result.error().message));
  return kFailed;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  block_stop_signals();
  CommandLine line;
  try {
    line.root().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (auto unknown = unknown_command(line.root(), argc, argv)) {
      fmt::print(stderr, "ticklake: {}\n", *unknown);
      return kUsage;
    }
    return line.root().exit(error) == 0 ? 0 : kUsage;
  }
  auto files = io::make_local_files();
  auto http = io::make_http();
  io::SystemClock clock;
  Environment environment{
      *files, clock, *http, stdout, stderr, isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1};
  const std::string& output = line.parsed().output;
  Format format = parse_format(output == "text" ? "" : output, environment.out_is_terminal);
  return report(environment, line.command()(environment, line.parsed(), format));
}

}  // namespace ticklake::app
