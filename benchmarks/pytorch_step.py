"""Training step of FCN-8s as one writes it in PyTorch, for benchmarks.against_pytorch; needs PyTorch alone.

    PYTHON benchmarks/pytorch_step.py bilinear 2    # upsampling (bilinear or dense), batch size

VGG16 at full width, 150 classes, pictures of 256 x 256, float32, AdamW, clipped gradients, in channels-last memory.
Makes an update for each line on standard input, and prints its seconds.
"""

import sys
import time
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

CLASSES, SIDE = 150, 256
BLOCKS = [(3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512)]


class FCN8s(nn.Module):
    """Scores [B, 150, H, W] of pictures [B, 3, H, W]."""

    def __init__(self, dense: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for widths in BLOCKS:
            layers = [layer for a, b in pairwise(widths) for layer in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU(True))]
            self.blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        fc6, fc7 = nn.Conv2d(512, 4096, 7, padding=3), nn.Conv2d(4096, 4096, 1)
        self.head = nn.Sequential(fc6, nn.ReLU(True), nn.Dropout(), fc7, nn.ReLU(True), nn.Dropout())
        self.scores = nn.ModuleList(nn.Conv2d(width, CLASSES, 1) for width in (4096, 512, 256))
        self.upsampling = nn.ModuleList(
            nn.ConvTranspose2d(CLASSES, CLASSES, 2 * factor, factor, factor // 2, bias=False)
            if dense
            else nn.Upsample(scale_factor=factor, mode="bilinear")
            for factor in (2, 2, 8)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pools = []
        for block in self.blocks:
            x = block(x)
            pools.append(x)
        x = self.scores[0](self.head(x))
        x = self.upsampling[0](x) + self.scores[1](pools[3])
        x = self.upsampling[1](x) + self.scores[2](pools[2])
        return self.upsampling[2](x)


def main() -> None:
    upsampling, batch = sys.argv[1], int(sys.argv[2])
    torch.manual_seed(0)
    model = FCN8s(upsampling == "dense").to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), 0.0001, weight_decay=0.01)
    images = torch.rand(batch, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (batch, SIDE, SIDE))
    print(f"PyTorch {torch.__version__}, {upsampling}", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels, ignore_index=255)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
