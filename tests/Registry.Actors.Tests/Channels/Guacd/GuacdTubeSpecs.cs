using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Registry.Actors.Tests.Tubes;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>A session through two tubes of a registry: a client at a local port of one, a guacd behind the other.</summary>
public sealed class GuacdTubeSpecs(ITestOutputHelper output) : RegistrySpec(output, "registry.targets.allow = [\"127.0.0.0/8:*\"]")
{
    private const string Secret = "s3cr3t";

    [Fact]
    public async Task A_client_at_the_other_end_gets_the_session_and_subscribers_hear_its_size()
    {
        await using var guacd = new PlayedGuacd();
        var session = GuacdSettings.Create("vnc", [new("hostname", "127.0.0.1"), new("password", Secret)], new(guacd.EndPoint.Address.ToString(), guacd.EndPoint.Port));
        var (near, far) = await PairAsync(near: TunnelSettings.Listen(new(IPAddress.Loopback, 0)), far: session);
        Registry.Directory.TryGet(near.TubeId, out var listening).ShouldBeTrue();
        var heard = new ConcurrentQueue<TubeSignal>();
        var hearing = HearAsync(far.TubeId, heard);

        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPEndPoint.Parse(listening.Conversations.Single(c => c.LocalListenAddress is not null).LocalListenAddress!));
        await guacd.WelcomeAsync("4.size,1.0,4.1024,3.768;");
        Encoding.UTF8.GetString(await TunnelFixture.ReadAsync(client, 24)).ShouldBe("4.size,1.0,4.1024,3.768;");
        await client.SendAsync(Encoding.UTF8.GetBytes("4.sync,1.1;"));
        await guacd.ShouldGetAsync("4.sync,1.1;");
        await AwaitAssertAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100)); // the least time between two
            heard.OfType<GuacdInstruction>().Select(s => (s.ChannelId, s.Kind, s.Instruction)).ShouldBe(
                [("c-near", "guacd_instruction", "5.ready,3.$id;"), ("c-near", "guacd_instruction", "4.size,1.0,4.1024,3.768;")]);
        }, TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(20));
        await guacd.SendAsync("10.disconnect;");
        Encoding.UTF8.GetString(await TunnelFixture.ReadToEndAsync(client)).ShouldBe("10.disconnect;");
        await Registry.CloseTubeAsync(new(far.TubeId));
        await Registry.CloseTubeAsync(new(near.TubeId));

        await hearing;
        string.Concat(heard).ShouldNotContain(Secret);
        Registry.Directory.TryGet(far.TubeId, out var ended);
        $"{ended}".ShouldNotContain(Secret);
        await NothingLeftAsync();
    }

    private async Task HearAsync(TubeId tube, ConcurrentQueue<TubeSignal> heard)
    {
        await foreach (var signal in Registry.Signals(tube)!)
            heard.Enqueue(signal);
    }
}
