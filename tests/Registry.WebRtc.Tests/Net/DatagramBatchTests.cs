using System.Net;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

public sealed class DatagramBatchTests
{
    private static readonly TransportAddress Remote = TransportAddress.From(IPAddress.Loopback, 1);

    [Fact]
    public void Equal_datagrams_and_a_shorter_last_one_leave_as_one_run()
    {
        var sent = Send(1000, 10, 10, 10, 4);
        sent.ShouldBe([(34, 10)]);
    }

    [Fact]
    public void A_longer_datagram_begins_a_run()
    {
        var sent = Send(1000, 4, 10, 10, 3, 3, 12);
        sent.ShouldBe([(4, 4), (23, 10), (3, 3), (12, 12)]);
    }

    [Fact]
    public void A_full_buffer_is_sent_and_used_again()
    {
        var sent = Send(25, 10, 10, 10, 10, 10);
        sent.ShouldBe([(20, 10), (20, 10), (10, 10)]);
    }

    [Fact]
    public void Nothing_added_is_nothing_sent() => Send(100).ShouldBeEmpty();

    private static List<(int Length, int SegmentSize)> Send(int bufferSize, params int[] lengths)
    {
        using var transport = new Recorder();
        var batch = new DatagramBatch(transport, new byte[bufferSize], Remote);
        byte number = 0;
        foreach (var length in lengths)
        {
            batch.Reserve(12 > bufferSize ? bufferSize : Math.Min(12, Math.Max(10, length)))[..length].Fill(number++);
            batch.Add(length);
        }
        batch.Send();
        transport.Bytes.ShouldBe(lengths.SelectMany((length, i) => Enumerable.Repeat((byte)i, length)));
        return transport.Runs;
    }

    private sealed class Recorder : IDatagramTransport
    {
        public List<(int Length, int SegmentSize)> Runs { get; } = [];

        public List<byte> Bytes { get; } = [];

        public IReadOnlyList<IPEndPoint> LocalEndPoints => [];

        public void Start(IDatagramReceiver receiver)
        {
        }

        public void Send(ReadOnlySpan<byte> datagram, TransportAddress remote) => Send(datagram, datagram.Length, remote);

        public void Send(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
        {
            remote.ShouldBe(Remote);
            Runs.Add((datagrams.Length, segmentSize));
            Bytes.AddRange(datagrams);
        }

        public void Dispose()
        {
        }
    }
}
