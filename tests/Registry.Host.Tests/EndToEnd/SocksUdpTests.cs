using System.Net;
using System.Net.Sockets;
using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

public sealed class SocksUdpTests
{
    // A query for "tube.example", type A (RFC 1035 §4), and the answer's record.
    private static readonly byte[] Query = [0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, .. "tube"u8, 7, .. "example"u8, 0, 0, 1, 0, 1];
    private static readonly byte[] Record = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7];

    [Fact]
    public async Task A_DNS_query_goes_through_the_proxy_and_its_answer_comes_back()
    {
        using var dns = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var target = (IPEndPoint)dns.Client.LocalEndPoint!;
        await using var gateway = await RealGateway.StartAsync(target.ToString());
        await using var socks = new RunningForward([new SocksSpecification(new(IPAddress.Loopback, 0))], gateway.Url);
        await socks.NextReadyAsync();
        var answering = AnswerAsync(dns);
        using var control = new TcpClient();
        await control.ConnectAsync(socks.Listen);
        var relay = await AssociateAsync(control.GetStream());
        using var client = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));

        await client.SendAsync((byte[])[0, 0, 0, 1, 127, 0, 0, 1, (byte)(target.Port >> 8), (byte)target.Port, .. Query], relay);

        var answer = (await client.ReceiveAsync().WaitAsync(Eventually.Patience)).Buffer;
        answer[..10].ShouldBe([0, 0, 0, 1, 127, 0, 0, 1, (byte)(target.Port >> 8), (byte)target.Port]);
        answer[10..].ShouldBe([.. Query, .. Record]);
        await answering;
    }

    private static async Task<IPEndPoint> AssociateAsync(NetworkStream control)
    {
        await control.WriteAsync(new byte[] { 5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0 });
        var reply = new byte[12];
        await control.ReadExactlyAsync(reply).AsTask().WaitAsync(Eventually.Patience);
        reply[..6].ShouldBe([5, 0, 5, 0, 0, 1]);
        return new(new IPAddress(reply.AsSpan(6, 4)), reply[10] << 8 | reply[11]);
    }

    private static async Task AnswerAsync(UdpClient dns)
    {
        var query = await dns.ReceiveAsync().WaitAsync(Eventually.Patience);
        await dns.SendAsync((byte[])[.. query.Buffer, .. Record], query.RemoteEndPoint);
    }
}
