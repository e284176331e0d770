using Registry.Host.Serving;
using Serilog.Events;
using Serilog.Parsing;

namespace Registry.Host.Tests.Telemetry;

public sealed class ClusterPortLogTests : IDisposable
{
    private const string Silent = "at the cluster's port: it said nothing that a node says. If it is one, all or none have registry.cluster.tls";

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly StringWriter output = new();
    private readonly ClusterPortLog log = new(new LineLog());

    [Fact]
    public void Of_an_address_one_refusal_a_minute_is_told_with_each_reason_and_the_others_are_counted_in_the_next_line()
    {
        for (var second = 0; second < 60; second++)
            Say("::ffff:10.0.0.1", 1000 + second, second);
        SayCertificate("[::ffff:10.0.0.1]:7", 59);
        Say("fd00::1", 8, 59);
        Say("::ffff:10.0.0.1", 9, 60);
        Say("::ffff:10.0.0.1", 10, 61);

        Lines.ShouldBe(
        [
            $"Refused 10.0.0.1:1000 {Silent}",
            "Refused 10.0.0.1:7 at the cluster's port: a reason (and 59 since the last such line)",
            $"Refused [fd00::1]:8 {Silent}",
            $"Refused 10.0.0.1:9 {Silent}",
        ]);
    }

    [Fact]
    public void However_many_addresses_are_refused_a_minute_has_a_bounded_number_of_lines()
    {
        const int Scan = 1000;
        for (var i = 0; i < Scan; i++)
            Say($"::ffff:10.0.{i / 256}.{i % 256}", 1, 1);
        Lines.Length.ShouldBe(RefusedPeers.MaxKnown);
        Say("::ffff:10.0.0.1", 2, 61);
        Lines[^1].ShouldBe($"Refused 10.0.0.1:2 {Silent} (and {Scan - RefusedPeers.MaxKnown} since the last such line)");
    }

    public void Dispose() => output.Dispose();

    private string[] Lines => [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Select(line => line[line.IndexOf("] ", StringComparison.Ordinal)..][2..])];

    private void Say(string address, int port, int second) => Format(
        "No response from remote for inbound association. Handshake timed out after [15000] ms",
        second,
        ("LogSource", $"akka://registry/system/transports/akkaprotocolmanager.tcp.0/akkaProtocol-{Uri.EscapeDataString($"tcp://registry@[{address}]:{port}")}-{second}"));

    private void SayCertificate(string peer, int second) => Format("Refused {Peer} at the cluster's port: {Why}", second, ("Peer", peer), ("Why", "a reason"));

    private void Format(string template, int second, params (string Name, string Value)[] properties) => log.Format(
        new(Start.AddSeconds(second), LogEventLevel.Error, null, new MessageTemplateParser().Parse(template), properties.Select(property => new LogEventProperty(property.Name, new ScalarValue(property.Value)))),
        output);
}
