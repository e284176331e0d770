using System.Net;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

public sealed class DatagramInboxTests
{
    private static readonly TransportAddress Remote = TransportAddress.From(IPAddress.Loopback, 1);

    [Theory]
    [InlineData(1)]
    [InlineData(1200)]
    [InlineData(60_000)]
    public void A_flood_takes_no_more_memory_than_allowed_whatever_its_datagrams_size(int length)
    {
        const int capacity = 256 * 1024;
        var inbox = new DatagramInbox(capacity);
        var datagram = new byte[length];
        var taken = Enumerable.Range(0, 10_000).Count(_ => inbox.TryAdd(datagram, length, Remote));

        taken.ShouldBeInRange(1, capacity / length);
        inbox.Held.ShouldBeLessThanOrEqualTo(capacity + BufferPool.Rent(length).Length);
        for (; inbox.TryTake(out var run); taken--)
            run.Return();
        taken.ShouldBe(0);
        inbox.Held.ShouldBe(0);
        inbox.TryAdd([1], 1, Remote).ShouldBeTrue();
    }

    [Fact]
    public void A_run_stays_one()
    {
        var inbox = new DatagramInbox(1024);
        inbox.TryAdd([1, 1, 2, 2, 3], 2, Remote).ShouldBeTrue();
        inbox.TryTake(out var run).ShouldBeTrue();
        run.Span.ToArray().ShouldBe([1, 1, 2, 2, 3]);
        run.SegmentSize.ShouldBe(2);
        run.Remote.ShouldBe(Remote);
    }

    [Fact]
    public void A_closed_inbox_is_empty_and_takes_nothing()
    {
        var inbox = new DatagramInbox(1024);
        inbox.TryAdd([1], 1, Remote);
        inbox.Close();
        inbox.IsEmpty.ShouldBeTrue();
        inbox.TryAdd([1], 1, Remote).ShouldBeFalse();
    }
}
