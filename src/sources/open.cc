#include "sources/forms.h"
#include "sources/framing.h"

namespace ticklake::sources {

broker::TopicOptions topic_options(const SourceSpec& spec) {
  broker::TopicOptions out{.partitions = spec.partitions};
  if (!std::holds_alternative<SyntheticSpec>(spec.form)) out.config["retention.ms"] = "-1";
  return out;
}

namespace {

// A source, and the topics that it writes through.
class FramedSource final : public Source {
 public:
  FramedSource(std::unique_ptr<broker::Topics> topics, std::unique_ptr<Source> source)
      : topics_(std::move(topics)), source_(std::move(source)) {}

  Result<Progress> step() override { return source_->step(); }
  std::string describe() const override { return source_->describe(); }

 private:
  std::unique_ptr<broker::Topics> topics_;  // before what writes through it
  std::unique_ptr<Source> source_;
};

Result<std::unique_ptr<Source>> open_form(const SourceSpec& spec, broker::Topics& topics,
                                          io::FileStore& files, const io::Clock& clock,
                                          const OpenOptions& options) {
  if (std::holds_alternative<SyntheticSpec>(spec.form)) {
    return open_synthetic(spec, topics, clock, options);
  }
  if (std::holds_alternative<AlphaVantageSpec>(spec.form)) {
    return open_alpha_vantage(spec, topics, files, clock, options);
  }
  return open_csv(spec, topics, files, clock, options);
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(const SourceSpec& spec, broker::Topics& topics,
                                            io::FileStore& files, const io::Clock& clock,
                                            const OpenOptions& options) {
  if (spec.records.kind == RecordForm::Kind::Json) {
    return open_form(spec, topics, files, clock, options);
  }
  auto framing = TRY(framing_topics(spec, topics, options.registry));
  auto source = TRY(open_form(spec, *framing, files, clock, options));
  return std::unique_ptr<Source>(
      std::make_unique<FramedSource>(std::move(framing), std::move(source)));
}

}  // namespace ticklake::sources
