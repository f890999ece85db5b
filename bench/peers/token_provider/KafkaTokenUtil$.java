package org.apache.spark.kafka010;

import java.util.Map;
import scala.Option;

public final class KafkaTokenUtil$ {
  public static final KafkaTokenUtil$ MODULE$ = new KafkaTokenUtil$();

  public Option<Object> findMatchingTokenClusterConfig(org.apache.spark.SparkConf conf, String servers) {
    return Option.empty();
  }

  public boolean needTokenUpdate(Map<String, Object> settings, Option<?> cluster) {
    return false;
  }
}
