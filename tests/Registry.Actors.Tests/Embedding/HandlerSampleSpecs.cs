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
    public void The_readme_shows_the_sample()
    {
        var folder = Path.GetDirectoryName(HereIs())!;
        var sample = File.ReadAllText(Path.Combine(folder, "HandlerSample.cs")).Split("// README")[1];
        File.ReadAllText(Path.Combine(folder, "..", "..", "..", "README.md")).ShouldContain("```csharp" + sample + "```");
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
