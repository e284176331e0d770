using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Tests.Sctp;

namespace Registry.WebRtc.Tests.DataChannels;

/// <summary>Packets as large as the path carries.</summary>
public sealed class PathMtuTests
{
    private const int Base = 1192;
    private static readonly SctpOptions searching = SctpOptions.Default with { MaxPacketSize = 8152 };

    [Theory]
    [InlineData(1192, Base)]
    [InlineData(1300, Base)]
    [InlineData(2100, 2008)]
    [InlineData(5000, 4056)]
    [InlineData(9000, 8152)]
    public void The_search_ends_at_what_the_path_carries(int path, int found)
    {
        var pair = DataChannelPair.Connected(clientOptions: searching);
        var id = pair.Open();
        pair.Network.Drop = (_, _, packet) => packet.Length > path;
        Send(pair, id, messages: 40);
        pair.RunUntil(() => pair.Server.Messages.Count == 40);
        pair.Client.Association.Statistics.PacketSize.ShouldBe(found);
        pair.Client.Association.Statistics.Retransmissions.ShouldBe(0, "a lost probe is no loss of data");
        pair.Settle();
        pair.Client.Association.Statistics.PacketSize.ShouldBe(found);
    }

    [Fact]
    public void An_association_that_sends_little_does_not_probe()
    {
        var pair = DataChannelPair.Connected(clientOptions: searching);
        var id = pair.Open();
        var largest = 0;
        pair.Network.Drop = (_, _, packet) =>
        {
            largest = Math.Max(largest, packet.Length);
            return false;
        };
        pair.Client.Association.TrySend(pair.Now, id, new byte[100], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Settle(seconds: 60);
        largest.ShouldBeInRange(100, Base);
    }

    [Fact]
    public void A_peer_that_takes_no_larger_packets_gets_none()
    {
        var pair = DataChannelPair.Connected(clientOptions: searching, serverOptions: SctpOptions.Default);
        var id = pair.Open();
        Send(pair, id, messages: 40);
        pair.Server.Association.TrySend(pair.Now, id, new byte[100_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 40 && pair.Client.Messages.Count == 1);
        pair.Client.Association.Statistics.PacketSize.ShouldBe(Base);
        pair.Server.Association.Statistics.PacketSize.ShouldBe(Base);
    }

    [Fact]
    public void A_peer_that_does_not_say_what_it_takes_gets_no_probe()
    {
        var peer = ScriptedPeer.Established(searching);
        var id = peer.Association.OpenChannel(default, "n", new DataChannelOptions { Negotiated = true, Id = 4 });
        peer.Association.TrySend(default, id, new byte[50_000], DataChannelMessageType.Binary).ShouldBeTrue();
        peer.Association.Statistics.PacketSize.ShouldBe(Base);
        peer.ReadChunks().ShouldAllBe(chunk => chunk[0] == (byte)SctpChunkType.Data);
    }

    [Fact]
    public void A_path_that_stops_carrying_large_packets_gets_small_ones_again()
    {
        var pair = DataChannelPair.Connected(clientOptions: searching);
        var id = pair.Open();
        Send(pair, id, messages: 40);
        pair.RunUntil(() => pair.Server.Messages.Count == 40);
        pair.Client.Association.Statistics.PacketSize.ShouldBe(8152);
        // What is under way then has to arrive in small packets too.
        pair.Network.Drop = (_, _, packet) => packet.Length > Base;
        Send(pair, id, messages: 20);
        pair.RunUntil(() => pair.Server.Messages.Count == 60);
        pair.Client.Association.Statistics.PacketSize.ShouldBe(Base);
    }

    [Fact]
    public void A_path_that_was_cut_carries_data_within_a_second_of_its_return()
    {
        var pair = DataChannelPair.Connected(clientOptions: searching);
        var id = pair.Open();
        pair.Network.Drop = (_, _, _) => true;
        Send(pair, id, messages: 4);
        pair.Settle(seconds: 25);
        pair.Server.Messages.ShouldBeEmpty();

        pair.Network.Drop = null;
        var returned = pair.Now;
        pair.Client.Association.OnPathChanged(returned);
        pair.RunUntil(() => pair.Server.Messages.Count == 4);

        (pair.Now - returned).ShouldBeLessThan(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_path_that_is_known_to_be_lost_does_not_end_the_association_until_it_is_back()
    {
        var pair = DataChannelPair.Connected(clientOptions: searching);
        var id = pair.Open();
        pair.Network.Drop = (_, _, _) => true;
        pair.Client.Association.OnPathLost();
        pair.Server.Association.OnPathLost();
        Send(pair, id, messages: 4);
        pair.Settle(seconds: 300);

        pair.Network.Drop = null;
        pair.Client.Association.OnPathChanged(pair.Now);
        pair.RunUntil(() => pair.Server.Messages.Count == 4);

        pair.Client.Has(DataChannelEventKind.Closed).ShouldBeFalse();
    }

    private static void Send(DataChannelPair pair, ushort id, int messages)
    {
        for (var i = 0; i < messages; i++)
            pair.Client.Association.TrySend(pair.Now, id, new byte[16_000], DataChannelMessageType.Binary).ShouldBeTrue();
    }
}
