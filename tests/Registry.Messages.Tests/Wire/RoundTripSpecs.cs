using CsCheck;
using Registry.Messages.Cluster;
using Registry.Messages.Wire;

namespace Registry.Messages.Tests.Wire;

public sealed class RoundTripSpecs
{
    [Fact]
    public void What_is_written_is_read() => AnyMessage.Any.Sample(message => message.ReadAgain().ShouldMatch(message), iter: 5_000);

    [Fact]
    public void Messages_without_content_are_read_as_their_only_instance()
    {
        new Done().ReadAgain().ShouldBeSameAs(Done.Instance);
        new GetCapacity().ReadAgain().ShouldBeSameAs(GetCapacity.Instance);
        new GetNodes().ReadAgain().ShouldBeSameAs(GetNodes.Instance);
        new ResumeNode().ReadAgain().ShouldBeSameAs(ResumeNode.Instance);
    }

    [Fact]
    public void Times_are_read_in_utc()
    {
        var time = new DateTimeOffset(2026, 1, 1, 3, 0, 0, TimeSpan.FromHours(5)).AddTicks(1);

        new SignalsMissed(new("a"), 1, time, 1).ReadAgain().ShouldBeOfType<SignalsMissed>().Time.ShouldSatisfyAllConditions(
            read => read.ShouldBe(time),
            read => read.Offset.ShouldBe(TimeSpan.Zero));
    }

    [Fact]
    public void Half_of_a_surrogate_pair_does_not_lose_the_message() =>
        new TubeClosed(new("a"), 1, default, CloseReason.Error, "cut \ud83d").ReadAgain().ShouldBeOfType<TubeClosed>().Text.ShouldBe("cut \ufffd");

    [Fact]
    public void A_close_reason_of_a_newer_version_is_unknown()
    {
        new CloseTube(new("a"), (CloseReason)200).ReadAgain().ShouldBe(new CloseTube(new("a"), CloseReason.Unknown));
        Read("CLT", "0A0161" + "10FFFFFFFFFFFFFFFFFF01").ShouldBe(new CloseTube(new("a"), CloseReason.Unknown));
    }

    [Fact]
    public void A_refusal_of_a_newer_version_is_a_failure_that_keeps_its_text()
    {
        var refused = Read("RF", "0863" + "12026E6F" + "2801").ShouldBeOfType<Refused>();

        refused.ShouldBe(new Refused(RefusalCode.CreateFailed, "no") { ActiveCreates = 1 });
        refused.Retryable.ShouldBeFalse();
    }

    [Fact]
    public void A_node_state_of_a_newer_version_is_unreachable() =>
        Read("NR", "0A07" + "0A0161" + "1806" + "3801").ShouldMatch(new NodesRead([new("a", "", NodeState.Unreachable) { SupersededTubes = 1 }]));

    [Fact]
    public void A_signal_of_a_newer_version_is_told_as_missed_and_those_around_it_are_read()
    {
        var known = new SignalsRead([new ChannelOpened(new("a"), 4, default, "c")], Ended: false);
        // A kind XX with number 3 and a field 4 that is no number.
        var read = Read("SR", "0A0E" + "0A025858" + "1208" + "0A016110032201FF" + Convert.ToHexString(RegistryCodec.Encode(known))).ShouldBeOfType<SignalsRead>();

        read.Signals.ShouldBe([new SignalsMissed(new("a"), 3, default, 3), .. known.Signals]);
    }

    [Theory]
    [MemberData(nameof(GoldenSpecs.Rows), MemberType = typeof(GoldenSpecs))]
    public void A_field_of_a_newer_version_is_ignored(int row)
    {
        var (manifest, message, hex) = Golden.Table[row];

        Read(manifest, hex + "C03E01" + "CA3E03010203").ShouldMatch(message);
        Read(manifest, "C03E01" + "CA3E03010203" + hex).ShouldMatch(message);
    }

    [Fact]
    public void A_field_of_a_newer_version_is_ignored_in_a_nested_message()
    {
        var found = Golden.Table.Single(r => r.Manifest == "TF");

        // A nested message that comes in two parts is one message.
        Read("TF", found.Hex + "0A03C03E01").ShouldMatch(found.Message);
    }

    [Fact]
    public void A_field_of_a_newer_version_is_ignored_in_an_enclosed_message() =>
        Read("SR", "0A13" + "0A03" + "43484F" + "C03E01" + "1209" + "0A0161" + "220162" + "C03E01")
            .ShouldMatch(new SignalsRead([new ChannelOpened(new("a"), 0, DateTimeOffset.MinValue, "b")], false));

    [Fact]
    public void An_id_is_in_network_order() =>
        Read("UP", "0A10" + "00112233445566778899AABBCCDDEEFF").ShouldBe(new Unplace(new("00112233-4455-6677-8899-aabbccddeeff")));

    private static IRegistryProtocol Read(string manifest, string hex) => RegistryCodec.Decode(manifest, Convert.FromHexString(hex));
}
