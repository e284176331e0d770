using System.Net;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

public sealed class IdlePathTests
{
    /// <summary>A NAT forgets a mapping that nothing uses: half an hour without a message is half an hour of consent checks.</summary>
    [Fact]
    public async Task A_connection_without_traffic_keeps_sending_until_it_is_closed()
    {
        var link = new InMemoryLink();
        var sent = 0;
        link.OnTheWay = datagram =>
        {
            Interlocked.Increment(ref sent);
            return [datagram];
        };
        var interval = TimeSpan.FromMilliseconds(20);
        await using var a = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.1")] }, link.A);
        await using var b = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.2")] }, link.B);
        var offerer = a.CreatePeerConnection(new() { ConsentInterval = interval });
        var answerer = b.CreatePeerConnection(new() { ConsentInterval = interval });
        var channel = offerer.CreateDataChannel("idle");
        await SignalAsync(offerer, answerer);
        await channel.WaitForOpenAsync().WaitAsync(Patience);

        var before = Volatile.Read(ref sent);
        using var patience = new CancellationTokenSource(Patience);
        while (Volatile.Read(ref sent) < before + 100) // 25 checks of each side and their answers
            await Task.Delay(interval, patience.Token);

        offerer.ConnectionState.ShouldBe(PeerConnectionState.Connected);
        await offerer.DisposeAsync();
        await answerer.DisposeAsync();
        var after = Volatile.Read(ref sent);
        await Task.Delay(interval * 10);
        Volatile.Read(ref sent).ShouldBe(after);
    }
}
