#include "sources/forms.h"

namespace ticklake::sources {

broker::TopicOptions topic_options(const SourceSpec& spec) {
  broker::TopicOptions out{.partitions = spec.partitions};
  if (!std::holds_alternative<SyntheticSpec>(spec.form)) out.config["retention.ms"] = "-1";
  return out;
}

Result<std::unique_ptr<Source>> open_source(const SourceSpec& spec, broker::Topics& topics,
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

}  // namespace ticklake::sources
