using System.Text;
using Registry.Actors.Channels;

namespace Registry.Actors.Tests.Embedding;

// README
/// <summary>Answers each line of text in capitals.</summary>
internal sealed class Shouter : IConversationHandler
{
    public async Task RunAsync(HandledConversation conversation, CancellationToken cancellationToken)
    {
        await using var stream = conversation.AsStream();
        using var lines = new StreamReader(stream);
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
            await stream.WriteAsync(Encoding.UTF8.GetBytes(line.ToUpperInvariant() + "\n"), cancellationToken);
    }
}
// README
