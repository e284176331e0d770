using System.Buffers.Binary;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.Tests.Sctp;

/// <summary>Many streams at once.</summary>
public sealed class ReassemblyTests
{
    private const int StreamsAtOnce = 5000;
    private const int Window = 100_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_stream_keeps_its_place_however_many_there_are(bool interleaved)
    {
        var sink = new Sink();
        Reassembly reassembly = interleaved ? new InterleavedReassembly(1000, sink) : new SequentialReassembly(1000, sink);
        var tsn = 0u;

        // The third before the second, so that something of every stream waits in between; then a fourth after all were put away.
        foreach (var number in new byte[] { 0, 2, 1, 3 })
            for (ushort id = 0; id < StreamsAtOnce; id++)
            {
                Add(reassembly, interleaved, tsn, id, number);
                tsn++;
            }

        sink.Received.Count.ShouldBe(StreamsAtOnce);
        sink.Received.Values.ShouldAllBe(numbers => numbers.SequenceEqual(new byte[] { 0, 1, 2, 3 }));
        reassembly.Release(4 * StreamsAtOnce, 4 * StreamsAtOnce);
        reassembly.HeldBytes.ShouldBe(0);
        for (ushort id = 0; id < StreamsAtOnce; id++)
            Add(reassembly, interleaved, tsn + id, (ushort)(10_000 + id), 0);
        reassembly.StreamCount.ShouldBeLessThan(StreamsAtOnce);

        reassembly.ResetStream(7); // which begins anew
        Add(reassembly, interleaved, tsn + StreamsAtOnce, 7, 0);
        sink.Received[7].Count.ShouldBe(5);
        reassembly.ResetAllStreams();
        Add(reassembly, interleaved, tsn + StreamsAtOnce + 1, 8, 0);
        sink.Received[8].Count.ShouldBe(5);
        reassembly.StreamCount.ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_peer_that_uses_streams_without_channels_cannot_fill_memory(bool interleaved)
    {
        var peer = Established(interleaved);
        for (uint id = 0; id < 20_000; id++)
            for (uint kind = 0; kind < (interleaved ? 2u : 1u); kind++)
            {
                var tsn = ScriptedPeer.PeerInitialTsn + (interleaved ? 2 * id + kind : id);
                peer.Send(interleaved
                    ? peer.Packet().InterleavedData(tsn, (ushort)id, 0, (byte)(3 + 4 * kind), 53, 1)
                    : peer.Packet().Data(tsn, (ushort)id, 0, 3, 53, 1));
            }

        peer.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
        peer.Association.Statistics.IncomingStreams.ShouldBeLessThanOrEqualTo(1024);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_stream_of_which_something_waits_is_charged_for(bool interleaved)
    {
        var peer = Established(interleaved);
        for (uint id = 0; id < 2000; id++)
            peer.Send(interleaved
                ? peer.Packet().InterleavedData(ScriptedPeer.PeerInitialTsn + id, (ushort)id, 1, 3, 53, 1)
                : peer.Packet().Data(ScriptedPeer.PeerInitialTsn + id, (ushort)id, 1, 3, 53, 1));

        var statistics = peer.Association.Statistics;
        statistics.ReceiveBufferUsed.ShouldBeInRange(Window, 2 * Window);
        (statistics.ReceiveBufferUsed / statistics.IncomingStreams).ShouldBe(Reassembly.MessageOverhead + Reassembly.StreamOverhead + 1);
    }

    /// <summary>A FORWARD TSN names streams without bringing anything that the window bounds.</summary>
    [Fact]
    public void A_peer_that_skips_on_every_stream_there_is_cannot_fill_memory()
    {
        var peer = Established(interleaved: false);
        for (uint chunk = 0; chunk < 256; chunk++)
        {
            var skipped = new byte[4 + 4 * 255];
            BinaryPrimitives.WriteUInt32BigEndian(skipped, ScriptedPeer.PeerInitialTsn + chunk);
            for (var i = 0; i < 255; i++)
                BinaryPrimitives.WriteUInt16BigEndian(skipped.AsSpan(4 + 4 * i), (ushort)(255 * chunk + i));
            peer.Send(peer.Packet().Chunk(192, 0, skipped));
        }

        peer.Association.Statistics.IncomingStreams.ShouldBeLessThanOrEqualTo(1024);
        peer.Send(peer.Packet().Data(ScriptedPeer.PeerInitialTsn + 256, 1, 1, 3, 50, 3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, (byte)'x'));
        peer.ReadEvents().ShouldContain(e => e.Kind == DataChannelEventKind.ChannelOpened, "its first message was skipped");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_peer_that_opens_channels_on_every_stream_gets_a_bounded_number_of_refusals(bool resets)
    {
        var peer = Established(interleaved: false, resets ? ScriptedPeer.Extensions : [0xC0, 0, 0, 4]);
        for (uint i = 0; i < 10_000; i++)
        {
            peer.Send(peer.Packet().Data(ScriptedPeer.PeerInitialTsn + i, (ushort)(2 * i + 1), 0, 3, 50, 3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, (byte)'x'));
            peer.ReadEvents();
            if (!resets)
                peer.ReadChunks();
        }

        peer.Association.Statistics.OutgoingStreams.ShouldBeLessThanOrEqualTo(1024 + 256 + 8);
    }

    private static ScriptedPeer Established(bool interleaved, byte[]? extensions = null) => ScriptedPeer.Established(
        SctpOptions.Default with { ReceiveBufferSize = Window, MaxMessageSize = 20_000, MaxChannels = 8, Interleaving = interleaved },
        extensions: interleaved ? ScriptedPeer.Interleaving : extensions);

    private static void Add(Reassembly reassembly, bool interleaved, uint tsn, ushort id, byte number)
    {
        byte[] value = [.. PacketBuilder.U32(tsn), .. PacketBuilder.U16(id), .. interleaved ? [0, 0, .. PacketBuilder.U32(number)] : PacketBuilder.U16(number), .. PacketBuilder.U32(53), number];
        DataChunk.TryParse(3, value, interleaved, out var chunk).ShouldBeTrue();
        reassembly.Add(in chunk, tsn - 1);
        reassembly.OnCumulativeAdvanced(tsn - 1, tsn);
    }

    private sealed class Sink : IReassemblySink
    {
        public Dictionary<ushort, List<byte>> Received { get; } = [];

        public void OnMessage(ushort streamId, uint ppid, byte[] rented, int length)
        {
            if (!Received.TryGetValue(streamId, out var numbers))
                Received[streamId] = numbers = [];
            numbers.AddRange(rented.AsSpan(0, length));
            BufferPool.Return(rented);
        }

        public void OnMessageTooLarge(ushort streamId) => throw new InvalidOperationException();
    }
}
