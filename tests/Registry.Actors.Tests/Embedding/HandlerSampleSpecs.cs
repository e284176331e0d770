using System.Runtime.CompilerServices;
using System.Text;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Embedding;

public sealed class HandlerSampleSpecs
{
    [Fact]
    public async Task The_sample_serves_a_peer_over_the_real_stack()
    {
        var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var near = new StackNode("near", configure: options => options.Handlers["asker"] = new Asker(answer));
        await using var far = new StackNode("far", configure: options => options.Handlers["shouter"] = new Shouter());
        var conversation = new ConversationId("lines");
        var offerer = (await near.Registry.CreateAsync(new(conversation, new HandlerSettings("asker")) { TrickleIce = false })).ShouldBeOfType<TubeCreated>();
        var answerer = (await far.Registry.CreateAsync(new(conversation, new HandlerSettings("shouter")) { TrickleIce = false, Offer = offerer.Offer })).ShouldBeOfType<TubeCreated>();
        (await near.Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();

        (await answer.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("HELLO");

        // The asker's end is the channel's, and so the shouter's.
        await Channels.TunnelFixture.UntilAsync(() => far.Registry.Directory.TryGet(answerer.TubeId, out var tube) && tube.State == TubeState.Active);
    }

    [Fact]
    public async Task A_tunnel_that_offers_to_a_handler_hears_over_the_real_stack_that_they_do_not_fit()
    {
        await using var near = new StackNode("near");
        await using var far = new StackNode("far", configure: options => options.Handlers["shouter"] = new Shouter());
        var conversation = new ConversationId("lines");
        var offerer = (await near.Registry.CreateAsync(new(conversation, TunnelSettings.Listen(new(System.Net.IPAddress.Loopback, 0))) { TrickleIce = false })).ShouldBeOfType<TubeCreated>();
        var answerer = (await far.Registry.CreateAsync(new(conversation, new HandlerSettings("shouter")) { TrickleIce = false, Offer = offerer.Offer })).ShouldBeOfType<TubeCreated>();
        (await near.Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();

        foreach (var (node, tube) in new[] { (near, offerer.TubeId), (far, answerer.TubeId) })
        {
            var closed = await ChannelEndAsync(node, tube);
            closed.Reason.ShouldBe(CloseReason.ConfigurationError);
            closed.Outcome.ShouldStartWith("error: This end is the handler shouter");
        }
    }

    [Fact]
    public void The_readme_shows_the_sample()
    {
        var folder = Path.GetDirectoryName(HereIs())!;
        var sample = File.ReadAllText(Path.Combine(folder, "HandlerSample.cs")).Split("// README")[1];
        File.ReadAllText(Path.Combine(folder, "..", "..", "..", "README.md")).ShouldContain("```csharp" + sample + "```");
    }

    private static async Task<ChannelClosed> ChannelEndAsync(StackNode node, TubeId tube)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (var signal in node.Registry.Signals(tube, 0, patience.Token)!)
            if (signal is ChannelClosed closed)
                return closed;
        throw new InvalidOperationException($"{node.Registry.Node}'s tube ended without its channel.");
    }

    private static string HereIs([CallerFilePath] string path = "") => path;

    private sealed class Asker(TaskCompletionSource<string> answer) : IConversationHandler
    {
        public async Task RunAsync(HandledConversation conversation, CancellationToken cancellationToken)
        {
            await conversation.SendAsync("hello\n"u8.ToArray(), WebRtc.DataChannelMessageType.Text, cancellationToken);
            using var message = await conversation.ReceiveAsync(cancellationToken);
            answer.SetResult(Encoding.UTF8.GetString(message!.Data.Span).TrimEnd());
        }
    }
}
