using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class ClosingTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Closing_from_either_side_or_both_closes_both_and_frees_the_id(bool clientCloses, bool serverCloses)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.2, Duplication = 0.1, Reordering = 0.2 }, seed);
            var options = new DataChannelOptions { Negotiated = true, Id = 4 };
            for (var round = 1; round <= 5; round++)
            {
                pair.Client.Association.OpenChannel(pair.Now, "n", options);
                pair.Server.Association.OpenChannel(pair.Now, "n", options);
                pair.Client.Association.TrySend(pair.Now, 4, [(byte)round], DataChannelMessageType.Binary).ShouldBeTrue();
                pair.RunUntil(() => pair.Server.Messages.Count == round);
                if (clientCloses)
                    pair.Client.Association.CloseChannel(pair.Now, 4);
                if (serverCloses)
                    pair.Server.Association.CloseChannel(pair.Now, 4);
                pair.RunUntil(() => pair.Client.Count(DataChannelEventKind.ChannelClosed) == round
                    && pair.Server.Count(DataChannelEventKind.ChannelClosed) == round);
            }
            pair.Server.Messages.Select(m => (int)m.Data[0]).ShouldBe([1, 2, 3, 4, 5]);
        }
    }

    [Fact]
    public void What_was_queued_before_closing_is_delivered_first()
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.05 }, seed: 2);
        var id = pair.Open();
        for (var i = 0; i < 20; i++)
            pair.Client.Association.TrySend(pair.Now, id, new byte[20_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Client.Association.CloseChannel(pair.Now, id);
        Should.Throw<DataChannelClosedException>(() => pair.Client.Association.TrySend(pair.Now, id, [1], DataChannelMessageType.Binary));
        pair.RunUntil(() => pair.Server.Has(DataChannelEventKind.ChannelClosed) && pair.Client.Has(DataChannelEventKind.ChannelClosed));
        pair.Server.Messages.Count.ShouldBe(20);
        pair.Server.Single(DataChannelEventKind.ChannelClosed).Reason.ShouldBeNull();
    }

    [Fact]
    public void A_channel_that_was_never_used_can_be_closed()
    {
        var pair = DataChannelPair.Connected();
        var options = new DataChannelOptions { Negotiated = true, Id = 9 };
        pair.Client.Association.OpenChannel(pair.Now, "n", options);
        pair.Server.Association.OpenChannel(pair.Now, "n", options);
        pair.Server.Association.CloseChannel(pair.Now, 9);
        pair.RunUntil(() => pair.Server.Has(DataChannelEventKind.ChannelClosed) && pair.Client.Has(DataChannelEventKind.ChannelClosed));
    }

    [Fact]
    public void Five_hundred_channels_close_at_once()
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.1 }, seed: 8);
        var ids = Enumerable.Range(0, 500).Select(_ => pair.Client.Association.OpenChannel(pair.Now, "c", DataChannelOptions.Default)).ToArray();
        pair.RunUntil(() => pair.Client.Count(DataChannelEventKind.ChannelAcknowledged) == 500);
        foreach (var id in ids)
            pair.Client.Association.CloseChannel(pair.Now, id);
        pair.RunUntil(() => pair.Client.Count(DataChannelEventKind.ChannelClosed) == 500 && pair.Server.Count(DataChannelEventKind.ChannelClosed) == 500);
    }

    [Fact]
    public void An_id_can_be_used_again_while_the_peer_still_waits_for_the_confirmation()
    {
        var pair = DataChannelPair.Connected();
        var id = pair.Open();
        // The server's confirmations are lost for a while; the server itself is done and the id is free for it.
        pair.Client.Association.CloseChannel(pair.Now, id);
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.ChannelClosed));
        pair.Network.Drop = (_, source, packet) => DataChannelPair.IsFromClient(source) && packet[12] == (byte)SctpChunkType.Reconfig;
        for (var i = 0; i < 3; i++)
        {
            var again = pair.Open();
            pair.Client.Association.TrySend(pair.Now, again, [5], DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Network.RunFor(TimeSpan.FromMilliseconds(100));
        }
        pair.Network.Drop = null;
        pair.RunUntil(() => pair.Server.Messages.Count == 3);
    }

    [Fact]
    public void Shutdown_delivers_what_was_sent_and_ends_both_sides()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.2 }, seed);
            var id = pair.Open();
            pair.Client.Association.TrySend(pair.Now, id, new byte[50_000], DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Client.Association.Shutdown(pair.Now);
            pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.Closed), limitSeconds: 300);
            pair.RunUntil(() => pair.Server.Has(DataChannelEventKind.Closed), limitSeconds: 300);
            pair.Server.Messages.Count.ShouldBe(1);
            pair.Client.Single(DataChannelEventKind.Closed).Cause.ShouldBe(SctpCloseCause.LocalShutdown);
            pair.Server.Single(DataChannelEventKind.Closed).Cause.ShouldBe(SctpCloseCause.RemoteShutdown);
        }
    }

    [Fact]
    public void Simultaneous_shutdown_ends_both_sides()
    {
        var pair = DataChannelPair.Connected();
        pair.Client.Association.Shutdown(pair.Now);
        pair.Server.Association.Shutdown(pair.Now);
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.Closed) && pair.Server.Has(DataChannelEventKind.Closed), limitSeconds: 1);
    }

    [Fact]
    public void Abort_ends_both_sides_at_once_with_its_reason()
    {
        var pair = DataChannelPair.Connected();
        pair.Open();
        pair.Client.Association.Abort(pair.Now, "the tube was closed");
        pair.Client.ReadEvents();
        pair.Client.Single(DataChannelEventKind.Closed).Cause.ShouldBe(SctpCloseCause.LocalAbort);
        pair.RunUntil(() => pair.Server.Has(DataChannelEventKind.Closed), limitSeconds: 1);
        var closed = pair.Server.Single(DataChannelEventKind.Closed);
        closed.Cause.ShouldBe(SctpCloseCause.RemoteAbort);
        closed.Reason.ShouldBe("The peer aborted the association (UserInitiatedAbort): the tube was closed");
    }

    [Fact]
    public void A_peer_that_vanishes_while_data_is_sent_is_noticed()
    {
        var pair = DataChannelPair.Connected();
        var id = pair.Open();
        pair.Network.Drop = (_, _, _) => true;
        pair.Client.Association.TrySend(pair.Now, id, new byte[5000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.Closed), limitSeconds: 120);
        var closed = pair.Client.Single(DataChannelEventKind.Closed);
        closed.Cause.ShouldBe(SctpCloseCause.Timeout);
        closed.Reason.ShouldBe("The peer did not acknowledge data in 10 retransmissions.");
        Should.Throw<InvalidOperationException>(() => pair.Client.Association.OpenChannel(pair.Now, "late", DataChannelOptions.Default));
    }

    [Fact]
    public void A_peer_that_vanishes_while_nothing_is_sent_is_noticed()
    {
        var pair = DataChannelPair.Connected();
        pair.Settle(300);
        pair.Client.Has(DataChannelEventKind.Closed).ShouldBeFalse();
        pair.Network.Drop = (_, _, _) => true;
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.Closed) && pair.Server.Has(DataChannelEventKind.Closed), limitSeconds: 150);
        pair.Client.Single(DataChannelEventKind.Closed).Reason.ShouldBe("The peer does not answer heartbeats.");
    }
}
